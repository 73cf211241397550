use std::sync::Arc;
use std::time::Duration;

use portcullis_auth_core::api_key::{ApiKeys, VerifiedKey, VerifyError, VerifyErrorKind};
use portcullis_auth_core::store::StoreError;
use portcullis_secrets::ApiKeySecret;

use super::tally::Metric;
use super::{
    AuthLayer, AuthRefusedKind, Authenticated, Knock, Presented, RequestTenant, Scheme, SchemeName,
    Tally, Verdict,
};

/// Lets in who has an API key, in `X-API-Key` or as `Authorization: Bearer`: an [`AuthLayer`] with [`ApiKeyScheme`].
pub type ApiKeyLayer<R = portcullis_layer_core::refusal::Negotiated> = AuthLayer<ApiKeyScheme, R>;

/// How long a client waits whose key could not be looked up, if the store does not say.
const RETRY_AFTER: Duration = Duration::from_secs(1);

static VALIDATIONS: Metric = Metric {
    name: "auth_api_key_validations",
    help: "API keys that were presented",
    label: "result",
    values: &[
        VALID,
        "malformed",
        "unknown",
        "other_tenant",
        "revoked",
        "expired",
        "owner_disabled",
        "address",
        "unavailable",
    ],
};
const VALID: &str = "valid";

/// API keys as a [`Scheme`]. What was verified within the last 30 seconds is not asked for again.
///
/// It takes every `X-API-Key`, and of `Authorization: Bearer` what starts like a key of its brand; so it stands before
/// [`Bearer`](super::Bearer) where both are wanted: `AuthLayer::required((api_keys, bearer))`.
#[derive(Clone, Debug)]
pub struct ApiKeyScheme {
    keys: ApiKeys,
    tally: Tally,
}

impl ApiKeyScheme {
    /// Asks `keys`. A [`RequestTenant`] in the request's extensions makes the keys of other tenants unknown ones.
    #[must_use]
    pub fn new(keys: ApiKeys) -> Self {
        Self {
            keys,
            tally: Tally::new(&VALIDATIONS),
        }
    }

    /// How keys were judged so far: for a registry, as `auth_api_key_validations_total{result}`.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally.clone()
    }
}

impl Scheme for ApiKeyScheme {
    fn names(&self) -> Vec<SchemeName> {
        vec![SchemeName::ApiKey, SchemeName::Bearer]
    }

    fn check(&self, presented: Presented<'_>, knock: &Knock<'_>) -> Option<Verdict> {
        let key = match presented {
            Presented::ApiKey(key) => key,
            Presented::Bearer(key) if self.keys.format().is_meant_by(key) => key,
            Presented::Bearer(_) => return None,
        };
        let context = knock.context();
        let tenant = knock.extensions().get().map(|RequestTenant(tenant)| tenant);
        if let Some(verified) = self.keys.verify_cached(key, tenant, &context) {
            return Some(Verdict::Now(judge(&verified, &self.tally)));
        }
        let (keys, tally) = (self.keys.clone(), self.tally.clone());
        let (key, tenant) = (ApiKeySecret::from(key.to_owned()), tenant.cloned());
        Some(Verdict::Later(Box::pin(async move {
            let verified = keys
                .verify(key.expose_secret(), tenant.as_ref(), &context)
                .await;
            judge(&verified, &tally)
        })))
    }
}

fn judge(
    verified: &Result<Arc<VerifiedKey>, VerifyError>,
    tally: &Tally,
) -> Result<Authenticated, AuthRefusedKind> {
    let error = match verified {
        Ok(verified) => {
            tally.count(VALID);
            return Ok(Authenticated::from(Arc::clone(verified.principal())));
        }
        Err(error) => error,
    };
    tally.count(error.kind().as_str());
    Err(match error.kind() {
        VerifyErrorKind::Address => AuthRefusedKind::Address,
        VerifyErrorKind::Unavailable => {
            let store = error.store_error();
            let retry_after = store.and_then(StoreError::retry_after);
            if let Some(error) = store {
                tracing::error!(%error, "an api key could not be checked");
            }
            AuthRefusedKind::Unavailable {
                retry_after: retry_after.unwrap_or(RETRY_AFTER),
            }
        }
        _ => AuthRefusedKind::Invalid,
    })
}
