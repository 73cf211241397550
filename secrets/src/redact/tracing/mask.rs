//! What the names of a callsite's fields say, found out once.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tracing_core::callsite::Identifier;
use tracing_core::field::Field;

use crate::common::names::Place;
use crate::redact::Redactor;
use crate::redact::names::Class;

/// The masks of all callsites that were met. There are as many as the program has of them; those
/// made at run time do not count without end.
#[derive(Default)]
pub(super) struct Masks(RwLock<HashMap<Identifier, Arc<Mask>>>);

impl Masks {
    const MOST: usize = 16 * 1024;

    pub(super) fn get(&self, callsite: &Identifier) -> Option<Arc<Mask>> {
        let masks = self.0.read().unwrap_or_else(PoisonError::into_inner);
        masks.get(callsite).cloned()
    }

    pub(super) fn learn(&self, callsite: Identifier, classes: &[(Field, Class)]) {
        let mut masks = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if masks.len() < Self::MOST || masks.contains_key(&callsite) {
            let mask = Arc::make_mut(masks.entry(callsite).or_default());
            classes
                .iter()
                .for_each(|(field, class)| mask.learn(field, *class));
        }
    }
}

/// A bit for each of the first 64 fields of a callsite.
#[derive(Clone, Default)]
pub(super) struct Mask {
    /// By index. Events about a span, which `tracing-subscriber` makes, have fields of their own
    /// under the span's callsite, so an index alone is no name.
    names: Vec<Option<&'static str>>,
    sensitive: u64,
    unlisted: u64,
}

impl Mask {
    fn learn(&mut self, field: &Field, class: Class) {
        let index = field.index();
        if index >= u64::BITS as usize {
            return;
        }
        if self.names.len() <= index {
            self.names.resize(index + 1, None);
        }
        if self.names[index].is_none() {
            self.names[index] = Some(field.name());
            self.sensitive |= u64::from(class == Class::Sensitive) << index;
            self.unlisted |= u64::from(class == Class::Unlisted) << index;
        }
    }

    pub(super) fn class(&self, field: &Field) -> Option<Class> {
        let index = field.index();
        let name = self.names.get(index).copied().flatten()?;
        std::ptr::eq(name, field.name()).then(|| {
            match (self.sensitive >> index & 1, self.unlisted >> index & 1) {
                (1, _) => Class::Sensitive,
                (_, 1) => Class::Unlisted,
                _ => Class::Plain,
            }
        })
    }
}

pub(super) fn classify(redactor: &Redactor, field: &Field) -> Class {
    let class = redactor.class(field.name().as_bytes(), Place::Field);
    // The text of an event, and what `tracing-log` says about a record, are no fields to be listed.
    let is_listed = field.name() == "message" || field.name().starts_with("log.");
    if class == Class::Unlisted && is_listed {
        Class::Plain
    } else {
        class
    }
}
