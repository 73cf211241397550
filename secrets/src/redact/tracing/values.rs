//! The values of an event or span, without the secrets in them.

use std::borrow::Cow;
use std::cell::Cell;
use std::error::Error;
use std::fmt::{self, Debug, Write as _};
use std::ops::Range;
use std::sync::Arc;

use tracing_core::callsite::Identifier;
use tracing_core::field::{Field, FieldSet, ValueSet, Visit};

use super::mask::{Mask, Masks, classify};
use super::stored::{Redacted, Stored, with_values};
use crate::redact::names::Class;
use crate::redact::{REDACTED, Redactor, chain};

/// What the two formatters share.
pub(super) struct Policy {
    pub(super) redactor: Redactor,
    pub(super) keep_line_breaks: bool,
    masks: Masks,
}

impl Policy {
    pub(super) fn new(redactor: Redactor) -> Self {
        Self {
            redactor,
            keep_line_breaks: false,
            masks: Masks::default(),
        }
    }

    /// Gives `then` what `record` records, redacted; nothing if there is nothing. `fields` are those
    /// of an event.
    pub(super) fn redacted(
        &self,
        fields: Option<&FieldSet>,
        record: impl FnOnce(&mut dyn Visit),
        then: impl FnOnce(Option<&ValueSet<'_>>) -> fmt::Result,
    ) -> fmt::Result {
        thread_local! {
            static TEXT: Cell<String> = const { Cell::new(String::new()) };
        }
        // Whoever logs while a value is formatted finds an empty one here.
        let mut text = TEXT.take();
        text.clear();
        let mut collected = Collected {
            policy: self,
            callsite: None,
            mask: None,
            learned: Vec::new(),
            text,
            values: Vec::new(),
            result: Ok(()),
        };
        record(&mut collected);
        let Collected {
            callsite,
            learned,
            text,
            values,
            result,
            ..
        } = collected;
        let Some(callsite) = callsite else {
            return then(None);
        };
        if !learned.is_empty() {
            self.masks.learn(callsite.clone(), &learned);
        }
        // An event about a span without fields has one of its own, and JSON asks whether there are any.
        let own = FieldSet::new(&["message"], callsite);
        let fields = fields.filter(|fields| !fields.is_empty()).unwrap_or(&own);
        let result = result.and_then(|()| with_values(fields, &text, &values, then));
        keep(&TEXT, text);
        result
    }
}

fn keep(place: &'static std::thread::LocalKey<Cell<String>>, text: String) {
    const MOST: usize = 64 * 1024;
    if text.capacity() <= MOST {
        place.set(text);
    }
}

struct Collected<'a> {
    policy: &'a Policy,
    callsite: Option<Identifier>,
    mask: Option<Arc<Mask>>,
    /// What the mask did not know.
    learned: Vec<(Field, Class)>,
    /// All that is text, redacted.
    text: String,
    values: Vec<(Field, Stored)>,
    result: fmt::Result,
}

impl Collected<'_> {
    /// Stores what `value` makes, unless the name says that it is secret.
    fn store(&mut self, field: &Field, value: impl FnOnce(&mut Self) -> Stored) {
        if self.callsite.is_none() {
            let callsite = field.callsite();
            self.mask = self.policy.masks.get(&callsite);
            self.callsite = Some(callsite);
        }
        let known = self.mask.as_ref().and_then(|mask| mask.class(field));
        let class = known.unwrap_or_else(|| {
            let class = classify(&self.policy.redactor, field);
            self.learned.push((field.clone(), class));
            class
        });
        let stored = match class {
            Class::Plain => value(self),
            Class::Sensitive => {
                let start = self.text.len();
                self.text.push_str(REDACTED);
                Stored::Debug(start..self.text.len())
            }
            Class::Unlisted => return,
        };
        self.values.push((field.clone(), stored));
    }

    /// Redacts the text from `start`, which `write` wrote.
    fn text(&mut self, write: impl FnOnce(&mut String) -> fmt::Result) -> Range<usize> {
        let start = self.text.len();
        self.result = self.result.and(write(&mut self.text));
        let shown = self.shown(&self.text[start..]);
        if let Cow::Owned(shown) = shown {
            self.text.truncate(start);
            self.text.push_str(&shown);
        }
        start..self.text.len()
    }

    fn shown<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let shown = self.policy.redactor.redact(text);
        if self.policy.keep_line_breaks || !shown.contains(['\n', '\r']) {
            return shown;
        }
        Cow::Owned(shown.replace('\n', "\\n").replace('\r', "\\r"))
    }

    fn error(&self, error: &(dyn Error + 'static)) -> Redacted {
        let texts: Vec<_> = chain(error).map(ToString::to_string).collect();
        let mut texts = texts.iter().rev().map(|text| self.shown(text).into_owned());
        let last = Redacted {
            text: texts.next().unwrap_or_default(),
            source: None,
        };
        texts.fold(last, |source, text| Redacted {
            text,
            source: Some(Box::new(source)),
        })
    }

    /// The number of a card, for instance.
    fn number(&mut self, number: u64, stored: Stored) -> Stored {
        const SHORTEST: u64 = 1_000_000_000_000;
        if number < SHORTEST {
            return stored;
        }
        match self.policy.redactor.redact(&number.to_string()) {
            Cow::Borrowed(_) => stored,
            Cow::Owned(shown) => Stored::Debug(self.text(|text| text.write_str(&shown))),
        }
    }
}

impl Visit for Collected<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.store(field, |_| Stored::F64(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.store(field, |this| match u64::try_from(value) {
            Ok(number) => this.number(number, Stored::I64(value)),
            Err(_) => Stored::I64(value),
        });
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.store(field, |this| this.number(value, Stored::U64(value)));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.store(field, |_| Stored::I128(value));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.store(field, |_| Stored::U128(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.store(field, |_| Stored::Bool(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.store(field, |this| {
            Stored::Str(this.text(|text| text.write_str(value)))
        });
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.store(field, |this| Stored::Error(Box::new(this.error(value))));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.store(field, |this| {
            Stored::Debug(this.text(|text| write!(text, "{value:?}")))
        });
    }
}
