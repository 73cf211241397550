use std::sync::Arc;

use http::HeaderName;
use portcullis_secrets::redact::KnownSecrets;
use tower_layer::Layer;

use super::fields::JsonFields;
use super::headers::SensitiveHeaders;
use super::policy::Policy;
use super::service::Mask;
use super::stats::{MaskStats, State};
use super::types::MediaTypes;

/// Applies [`Mask`]: marks sensitive headers, and masks secrets in the bodies of responses. See the
/// [module docs](super) for an example.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct MaskLayer {
    pub(super) policy: Arc<Policy>,
}

impl MaskLayer {
    /// Marks [sensitive headers](super#headers), and nothing else until it is told what to mask.
    ///
    /// The defaults: there are no known secrets and no fields, so that bodies pass untouched; bodies of
    /// [text](MediaTypes::texts) are searched as soon as there are; requests for byte ranges are ignored then.
    pub fn new() -> Self {
        Self {
            policy: Arc::new(Policy {
                headers: SensitiveHeaders::known(),
                known: None,
                fields: None,
                types: MediaTypes::texts(),
                byte_ranges: false,
                state: Arc::new(State::new()),
            }),
        }
    }

    /// Masks the values of `secrets` wherever a response body contains them, in all forms that
    /// [`KnownSecrets`] knows. Each response is searched for those that there are when it begins.
    pub fn known_secrets(self, secrets: KnownSecrets) -> Self {
        self.set(|policy| policy.known = Some(secrets))
    }

    /// Masks the values of `fields` in JSON: strings, numbers, objects, lists, `null`, whatever they are.
    pub fn fields(self, fields: JsonFields) -> Self {
        self.set(|policy| policy.fields = Some(fields))
    }

    /// Marks the fields with these names as well, in addition to [those that are known](super#headers).
    pub fn sensitive_headers(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.set(|policy| policy.headers.extend(names))
    }

    /// Sets of which media types the bodies are searched, instead of [`MediaTypes::texts`]. A body without
    /// a `Content-Type` is always searched.
    pub fn media_types(self, types: MediaTypes) -> Self {
        self.set(|policy| policy.types = types)
    }

    /// Whether requests for byte ranges reach the service, `false` if not set. See the
    /// [module docs](super#byte-ranges) for what that means.
    pub fn byte_ranges(self, are_allowed: bool) -> Self {
        self.set(|policy| policy.byte_ranges = are_allowed)
    }

    /// What this layer, its clones and their services have counted.
    #[must_use]
    pub fn stats(&self) -> MaskStats {
        self.policy.state.stats()
    }

    fn set(mut self, change: impl FnOnce(&mut Policy)) -> Self {
        change(Arc::make_mut(&mut self.policy));
        self
    }
}

impl Default for MaskLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for MaskLayer {
    type Service = Mask<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let layer = self.clone();
        Mask { inner, layer }
    }
}
