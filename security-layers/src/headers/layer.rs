use std::fmt::Display;
use std::sync::Arc;

use http::HeaderValue;
use http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY_REPORT_ONLY, HeaderName, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_FRAME_OPTIONS, X_XSS_PROTECTION,
};
use portcullis_layer_core::origin::OriginPolicy;
use tower_layer::Layer;

use super::InvalidHeader;
use super::csp::Csp;
use super::hsts::Hsts;
use super::names::{
    CROSS_ORIGIN_EMBEDDER_POLICY, CROSS_ORIGIN_OPENER_POLICY, CROSS_ORIGIN_RESOURCE_POLICY,
    PERMISSIONS_POLICY, REPORTING_ENDPOINTS,
};
use super::nonce::Template;
use super::permissions::PermissionsPolicy;
use super::policy::{Policy, Value, checked};
use super::reporting::ReportingEndpoints;
use super::service::SecurityHeaders;
use super::values::{EmbedderPolicy, FrameOptions, OpenerPolicy, ReferrerPolicy, ResourcePolicy};

/// Adds security headers to every response. See the [module docs](super) for an example.
///
/// Starts with a preset. A setter gives a header of the preset another value where it stands, or adds it at the end.
#[derive(Clone, Debug, Default)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct SecurityHeadersLayer {
    policy: Arc<Policy>,
}

impl SecurityHeadersLayer {
    /// Sends `policy` as `Content-Security-Policy`.
    ///
    /// # Errors
    ///
    /// If the policy is empty, allows a nonce, a hash or a keyword where it has no meaning, or `'strict-dynamic'`
    /// without a nonce or a hash.
    pub fn content_security_policy(mut self, policy: Csp) -> Result<Self, InvalidHeader> {
        policy.check()?;
        self.set_csp(CONTENT_SECURITY_POLICY, policy);
        Ok(self)
    }

    /// Sends `policy` as `Content-Security-Policy-Report-Only`: browsers report what it would have blocked. It shares
    /// the nonce with the policy that counts.
    ///
    /// # Errors
    ///
    /// As [`content_security_policy`](Self::content_security_policy), or if it has `sandbox` or
    /// `upgrade-insecure-requests`, which browsers ignore here.
    pub fn content_security_policy_report_only(
        mut self,
        policy: Csp,
    ) -> Result<Self, InvalidHeader> {
        policy.check_report_only()?;
        self.set_csp(CONTENT_SECURITY_POLICY_REPORT_ONLY, policy);
        Ok(self)
    }

    /// Sends `Strict-Transport-Security` with the answers to requests that arrived by https.
    pub fn hsts(mut self, hsts: Hsts) -> Self {
        let value = checked(hsts.to_string());
        self.policy_mut()
            .set_https_only(STRICT_TRANSPORT_SECURITY, value);
        self
    }

    /// Sends `Permissions-Policy`; an empty policy takes the header away.
    pub fn permissions_policy(self, policy: PermissionsPolicy) -> Self {
        self.set_or_remove(PERMISSIONS_POLICY, policy)
    }

    /// Sends `Reporting-Endpoints`; none at all takes the header away.
    pub fn reporting_endpoints(self, endpoints: ReportingEndpoints) -> Self {
        self.set_or_remove(REPORTING_ENDPOINTS, endpoints)
    }

    /// Sends `Referrer-Policy`.
    pub fn referrer_policy(mut self, policy: ReferrerPolicy) -> Self {
        self.set_static(REFERRER_POLICY, policy.as_str());
        self
    }

    /// Sends `X-Frame-Options`. The policy's `frame-ancestors` wins over it, so change both.
    pub fn frame_options(mut self, options: FrameOptions) -> Self {
        self.set_static(X_FRAME_OPTIONS, options.as_str());
        self
    }

    /// Sends `Cross-Origin-Opener-Policy`.
    pub fn opener_policy(mut self, policy: OpenerPolicy) -> Self {
        self.set_static(CROSS_ORIGIN_OPENER_POLICY, policy.as_str());
        self
    }

    /// Sends `Cross-Origin-Embedder-Policy`.
    pub fn embedder_policy(mut self, policy: EmbedderPolicy) -> Self {
        self.set_static(CROSS_ORIGIN_EMBEDDER_POLICY, policy.as_str());
        self
    }

    /// Sends `Cross-Origin-Resource-Policy`.
    pub fn resource_policy(mut self, policy: ResourcePolicy) -> Self {
        self.set_static(CROSS_ORIGIN_RESOURCE_POLICY, policy.as_str());
        self
    }

    /// Sends `X-XSS-Protection: 1; mode=block`, as older guides ask.
    ///
    /// No browser of today has the filter that this switches on. Those that had it removed it, because attackers could
    /// use it to block or read parts of a page that was safe without it. So today's advice is to send nothing.
    pub fn legacy_xss_filter(mut self) -> Self {
        self.set_static(X_XSS_PROTECTION, "1; mode=block");
        self
    }

    /// Sends any other header.
    ///
    /// # Errors
    ///
    /// If the name or the value is malformed (a line break, a control character), if the header frames the message, if
    /// it has a setter of its own that checks more, or if browsers no longer know it.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, InvalidHeader> {
        let parsed = parse_name(name)?;
        let refusal = match parsed.as_str() {
            "content-security-policy" => "is set with `content_security_policy`",
            "content-security-policy-report-only" => {
                "is set with `content_security_policy_report_only`"
            }
            "permissions-policy" => "is set with `permissions_policy`",
            "reporting-endpoints" => "is set with `reporting_endpoints`",
            "strict-transport-security" => "is set with `hsts`, which sends it over https only",
            "connection" | "content-length" | "keep-alive" | "trailer" | "transfer-encoding"
            | "upgrade" => "belongs to the server, which knows how the message is framed",
            "expect-ct" | "feature-policy" | "public-key-pins" | "public-key-pins-report-only" => {
                "is retired: browsers ignore it"
            }
            _ => {
                let value = HeaderValue::from_str(value).map_err(|_| {
                    InvalidHeader::new(format!(
                        "the value of {parsed} has characters that are not visible ascii"
                    ))
                })?;
                self.policy_mut().set(parsed, Value::Fixed(value));
                return Ok(self);
            }
        };
        Err(InvalidHeader::new(format!("{parsed} {refusal}")))
    }

    /// Does not send the header `name`.
    ///
    /// # Errors
    ///
    /// If it would not have been sent anyway, which is most likely a misspelling.
    pub fn without(mut self, name: &str) -> Result<Self, InvalidHeader> {
        let known = self.policy_mut().remove(name);
        self.known(known, name, "is not sent, so it cannot be left out")
    }

    /// Sends the header `name` in place of one that the handler has set. Otherwise the handler's stays.
    ///
    /// # Errors
    ///
    /// If the header is not sent: set it first.
    pub fn force(mut self, name: &str) -> Result<Self, InvalidHeader> {
        let known = self.policy_mut().force(name);
        self.known(known, name, "is not sent, so it cannot be forced")
    }

    /// Sends all headers in place of those that the handler has set.
    pub fn force_all(mut self) -> Self {
        self.policy_mut().force_all();
        self
    }

    /// Takes the header `name` off every response. Only those that come from inside: what this layer itself is told to
    /// send, it sends.
    ///
    /// The presets do this to OWASP's list of headers that tell which software answered: `Server`, `X-Powered-By`,
    /// `X-AspNet-Version` and some eighty more.
    ///
    /// # Errors
    ///
    /// If `name` is not the name of a header.
    pub fn strip(mut self, name: &str) -> Result<Self, InvalidHeader> {
        let name = parse_name(name)?;
        self.policy_mut().strip(name);
        Ok(self)
    }

    /// Leaves the header `name` on responses, though it is on the list.
    ///
    /// # Errors
    ///
    /// If it is not on the list.
    pub fn keep(mut self, name: &str) -> Result<Self, InvalidHeader> {
        let known = self.policy_mut().keep(name);
        self.known(known, name, "is not stripped, so it need not be kept")
    }

    /// Whom to believe about the scheme of a request, if no
    /// [`OriginLayer`](portcullis_layer_core::origin::OriginLayer) outside has found it out. By default nobody, and a
    /// connection that is not marked as https is taken for http.
    pub fn origin(mut self, policy: OriginPolicy) -> Self {
        self.policy_mut().origin = policy;
        self
    }

    pub(super) fn set_static(&mut self, name: HeaderName, value: &'static str) {
        let value = Value::Fixed(HeaderValue::from_static(value));
        self.policy_mut().set(name, value);
    }

    pub(super) fn set_static_hsts(&mut self, value: &'static str) {
        let value = HeaderValue::from_static(value);
        self.policy_mut()
            .set_https_only(STRICT_TRANSPORT_SECURITY, value);
    }

    pub(super) fn set_csp(&mut self, name: HeaderName, policy: Csp) {
        let mut pieces = policy.into_pieces();
        let value = match pieces.pop() {
            Some(text) if pieces.is_empty() => Value::Fixed(checked(text)),
            last => Value::Nonced(Template::new(pieces.into_iter().chain(last).collect())),
        };
        self.policy_mut().set(name, value);
    }

    pub(super) fn strip_leaks(&mut self) {
        self.policy_mut().strip_leaks();
    }

    fn set_or_remove(mut self, name: HeaderName, value: impl Display) -> Self {
        let value = value.to_string();
        if value.is_empty() {
            self.policy_mut().remove(name.as_str());
        } else {
            let value = Value::Fixed(checked(value));
            self.policy_mut().set(name, value);
        }
        self
    }

    fn known(self, known: bool, name: &str, otherwise: &str) -> Result<Self, InvalidHeader> {
        if !known {
            return Err(InvalidHeader::new(format!("{name:?} {otherwise}")));
        }
        Ok(self)
    }

    // While a layer is being set up it is the only owner, so nothing is copied.
    fn policy_mut(&mut self) -> &mut Policy {
        Arc::make_mut(&mut self.policy)
    }
}

impl<S> Layer<S> for SecurityHeadersLayer {
    type Service = SecurityHeaders<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SecurityHeaders::new(inner, Arc::clone(&self.policy))
    }
}

fn parse_name(name: &str) -> Result<HeaderName, InvalidHeader> {
    HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| InvalidHeader::new(format!("{name:?} is not the name of a header")))
}
