//! The seam between the layer and whatever knows credentials.

use std::fmt;
use std::net::IpAddr;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

use http::Extensions;
use http::header::USER_AGENT;
use portcullis_auth_core::audit::Context;
use portcullis_auth_core::principal::Principal;
use portcullis_layer_core::origin::{OriginPolicy, RequestHead};
use portcullis_layer_core::request_id::RequestId;

use super::challenge::{SchemeName, Space};
use super::{AuthRefusedKind, Presented};

/// Checks credentials of one kind.
///
/// Implemented by [`Bearer`](super::Bearer) and [`ApiKeyScheme`](super::ApiKeyScheme); a pair of schemes asks the first that
/// takes the credential for its own.
pub trait Scheme: fmt::Debug + Send + Sync + 'static {
    /// The schemes that a challenge names.
    fn names(&self) -> Vec<SchemeName>;

    /// What becomes of the credential; none if it is not of this kind at all.
    fn check(&self, presented: Presented<'_>, knock: &Knock<'_>) -> Option<Verdict>;
}

/// The first that takes the credential for its own decides.
impl<A: Scheme, B: Scheme> Scheme for (A, B) {
    fn names(&self) -> Vec<SchemeName> {
        let mut names = self.0.names();
        for name in self.1.names() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn check(&self, presented: Presented<'_>, knock: &Knock<'_>) -> Option<Verdict> {
        self.0
            .check(presented, knock)
            .or_else(|| self.1.check(presented, knock))
    }
}

impl<S: Scheme + ?Sized> Scheme for Arc<S> {
    fn names(&self) -> Vec<SchemeName> {
        (**self).names()
    }

    fn check(&self, presented: Presented<'_>, knock: &Knock<'_>) -> Option<Verdict> {
        (**self).check(presented, knock)
    }
}

/// A verdict that has to wait for a store or for keys.
pub type Later = Pin<Box<dyn Future<Output = Result<Authenticated, AuthRefusedKind>> + Send>>;

/// What becomes of a credential.
pub enum Verdict {
    /// It is known at once, as for a token that was seen before.
    Now(Result<Authenticated, AuthRefusedKind>),
    /// It takes I/O.
    Later(Later),
}

impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(result) => f.debug_tuple("Now").field(result).finish(),
            Self::Later(_) => f.write_str("Later"),
        }
    }
}

/// Extension of a request that was let in: whom it comes from. Derefs to the [`Principal`]; a clone shares it.
#[derive(Clone, Debug)]
pub struct Authenticated {
    principal: Arc<Principal>,
    /// What it was let into. Here, because an extension of its own would cost every request as much again.
    space: Option<Space>,
}

impl Authenticated {
    /// Shares the principal, with whatever else came of the same credential.
    #[must_use]
    pub fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    pub(super) fn within(mut self, space: &Space) -> Self {
        self.space = Some(space.clone());
        self
    }

    pub(super) fn space(&self) -> Option<&Space> {
        self.space.as_ref()
    }
}

impl From<Principal> for Authenticated {
    fn from(principal: Principal) -> Self {
        Arc::new(principal).into()
    }
}

impl From<Arc<Principal>> for Authenticated {
    fn from(principal: Arc<Principal>) -> Self {
        let space = None;
        Self { principal, space }
    }
}

impl Deref for Authenticated {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.principal
    }
}

/// The request that a credential came with, as far as schemes may see it.
#[derive(Clone, Copy, Debug)]
pub struct Knock<'a> {
    head: RequestHead<'a>,
    origin: &'a OriginPolicy,
}

impl<'a> Knock<'a> {
    pub(crate) fn new(head: RequestHead<'a>, origin: &'a OriginPolicy) -> Self {
        Self { head, origin }
    }

    /// The client's address, behind the proxies that the layer's policy trusts.
    #[must_use]
    pub fn client_ip(&self) -> Option<IpAddr> {
        self.origin.client_ip(self.head)
    }

    /// What layers further out have found out about the request.
    #[must_use]
    pub fn extensions(&self) -> &'a Extensions {
        self.head.extensions()
    }

    /// What audit events tell of the request.
    #[must_use]
    pub fn context(&self) -> Context {
        let mut context = Context::default();
        if let Some(ip) = self.client_ip() {
            context = context.ip(ip);
        }
        if let Some(agent) = self.head.headers().get(USER_AGENT) {
            context = context.user_agent(&String::from_utf8_lossy(agent.as_bytes()));
        }
        if let Some(id) = self.head.extensions().get::<RequestId>() {
            context = context.request_id(id.as_str());
        }
        context
    }
}
