use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Loading, SecretSource, SourceError, SourceErrorKind};
use crate::SecretBytes;

/// Sources in the order of their precedence: the first that has the secret delivers it.
///
/// Only [`NotFound`](SourceErrorKind::NotFound) leads on to the next source. Any other error is the chain's: if the store
/// that should have the secret cannot be asked, what stands behind it in the chain is not the answer.
///
/// An empty chain finds nothing.
pub struct Chain<V = SecretBytes>(Vec<Arc<dyn SecretSource<V>>>);

impl<V> Chain<V> {
    /// An empty chain.
    #[must_use]
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// Appends a source that is asked if all before it have found nothing.
    #[must_use]
    pub fn then(mut self, source: impl SecretSource<V>) -> Self {
        self.0.push(Arc::new(source));
        self
    }
}

impl<V: 'static> SecretSource<V> for Chain<V> {
    fn load(&self) -> Loading<'_, V> {
        Box::pin(async move {
            let mut nothing =
                SourceError::new(SourceErrorKind::NotFound, "secret of an empty chain");
            for source in &self.0 {
                match source.load().await {
                    Err(error) if error.kind() == SourceErrorKind::NotFound => nothing = error,
                    outcome => return outcome,
                }
            }
            Err(nothing)
        })
    }

    fn files(&self) -> Vec<PathBuf> {
        self.0.iter().flat_map(SecretSource::files).collect()
    }
}

impl<V> Clone for Chain<V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<V> Default for Chain<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V> fmt::Debug for Chain<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Chain").field(&self.0).finish()
    }
}
