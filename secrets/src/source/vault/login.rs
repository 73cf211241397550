use std::collections::BTreeMap;

use serde::Serialize;
use zeroize::Zeroizing;

use crate::SecretString;
use crate::source::{FileSource, SecretSource, SourceError, SourceErrorKind};

/// How the client gets its token.
#[derive(Debug)]
pub struct Login(Way);

#[derive(Debug)]
enum Way {
    Token(Box<dyn SecretSource>),
    AppRole {
        mount: Box<str>,
        role_id: Box<str>,
        secret_id: Box<dyn SecretSource>,
    },
    Kubernetes {
        mount: Box<str>,
        role: Box<str>,
        jwt: FileSource,
    },
}

/// What is presented.
pub(super) enum Credentials {
    Token(SecretString),
    Login {
        path: String,
        body: Zeroizing<Vec<u8>>,
    },
}

impl Login {
    /// With a token that is there already: a fixed one, or the sink file of Vault's agent, which is read again when the
    /// token in use ends or is refused.
    pub fn token(source: impl SecretSource) -> Self {
        Self(Way::Token(Box::new(source)))
    }

    /// With a role id and a secret id, at the mount `approle`.
    pub fn app_role(role_id: &str, secret_id: impl SecretSource) -> Self {
        Self(Way::AppRole {
            mount: "approle".into(),
            role_id: role_id.into(),
            secret_id: Box::new(secret_id),
        })
    }

    /// With the service account's token of the pod, which is read at each login because Kubernetes replaces it, at the
    /// mount `kubernetes`.
    pub fn kubernetes(role: &str) -> Self {
        const JWT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
        Self(Way::Kubernetes {
            mount: "kubernetes".into(),
            role: role.into(),
            jwt: FileSource::new(JWT),
        })
    }

    /// The mount of the auth method, if it is not the usual one. Nothing changes for [`token`](Self::token).
    #[must_use]
    pub fn mount(mut self, path: &str) -> Self {
        match &mut self.0 {
            Way::Token(_) => {}
            Way::AppRole { mount, .. } | Way::Kubernetes { mount, .. } => *mount = path.into(),
        }
        self
    }

    /// Where the service account's token is, if it is not in the usual place. Changes only
    /// [`kubernetes`](Self::kubernetes).
    #[must_use]
    pub fn service_account(mut self, file: FileSource) -> Self {
        if let Way::Kubernetes { jwt, .. } = &mut self.0 {
            *jwt = file;
        }
        self
    }

    /// Where to log in; a token needs no login.
    pub(super) fn path(&self) -> Option<String> {
        match &self.0 {
            Way::Token(_) => None,
            Way::AppRole { mount, .. } | Way::Kubernetes { mount, .. } => {
                Some(format!("auth/{mount}/login"))
            }
        }
    }

    pub(super) async fn credentials(&self) -> Result<Credentials, SourceError> {
        let (mount, role, secret) = match &self.0 {
            Way::Token(source) => return Ok(Credentials::Token(load(&**source).await?)),
            Way::AppRole {
                mount,
                role_id,
                secret_id,
            } => (
                mount,
                ("role_id", role_id),
                ("secret_id", load(&**secret_id).await?),
            ),
            Way::Kubernetes { mount, role, jwt } => {
                (mount, ("role", role), ("jwt", load(jwt).await?))
            }
        };
        let path = format!("auth/{mount}/login");
        let fields = BTreeMap::from([(role.0, &**role.1), (secret.0, secret.1.expose_secret())]);
        match json(&fields) {
            Some(body) => Ok(Credentials::Login { path, body }),
            None => Err(SourceError::new(SourceErrorKind::TooLarge, "vault login")),
        }
    }
}

async fn load(source: &dyn SecretSource) -> Result<SecretString, SourceError> {
    let loaded = source.load().await.map_err(|error| match error.kind() {
        // That we cannot log in does not say that Vault has no such secret: a chain must not go on.
        SourceErrorKind::NotFound => SourceError::new(SourceErrorKind::Dangling, "vault login"),
        _ => error,
    })?;
    match str::from_utf8(loaded.value().expose_secret()) {
        Ok(text) => Ok(SecretString::from(text)),
        Err(_) => Err(SourceError::new(SourceErrorKind::NotUtf8, "vault login")),
    }
}

/// The body of a request, in a buffer that is wiped and never grows.
pub(super) fn json(body: &impl Serialize) -> Option<Zeroizing<Vec<u8>>> {
    // A secret of 64 KiB, each byte of it escaped, fits.
    let mut bytes = Zeroizing::new(vec![0; 512 * 1024]);
    let mut rest = &mut bytes[..];
    serde_json::to_writer(&mut rest, body).ok()?;
    let left = rest.len();
    let len = bytes.len() - left;
    bytes.truncate(len);
    Some(bytes)
}
