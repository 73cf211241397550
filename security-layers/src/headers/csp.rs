use std::borrow::Cow;

use super::InvalidHeader;
use super::directive::{Directive, SandboxAllow};
use super::source::{Kind, Source};

/// A content security policy (`Content-Security-Policy`, [CSP level 3](https://www.w3.org/TR/CSP3/)).
///
/// Directives stand in the order in which they were first set, each once: setting one again replaces its sources where
/// it stands. Browsers take the first of two equal directives and ignore the second, so a policy that could repeat one
/// would lie about what it allows.
///
/// ```
/// use portcullis_security_layers::headers::{Csp, Directive, SecurityHeadersLayer, Source};
///
/// let policy = Csp::web()
///     .allow(Directive::ImgSrc, [Source::host("https://images.example.com")?])
///     .directive(Directive::FrameAncestors, [Source::SELF]);
/// let layer = SecurityHeadersLayer::web().content_security_policy(policy)?;
///
/// let useless = Csp::new().directive(Directive::ImgSrc, [Source::NONCE]);
/// let error = SecurityHeadersLayer::web().content_security_policy(useless).unwrap_err();
/// assert_eq!(error.to_string(), "a nonce has no meaning in img-src: it is for scripts and styles");
/// # Ok::<_, portcullis_security_layers::headers::InvalidHeader>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Csp(Vec<Clause>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Clause {
    Sources(Directive, Vec<Source>),
    Words(&'static str, Vec<Cow<'static, str>>),
}

impl Clause {
    const fn name(&self) -> &'static str {
        match self {
            Self::Sources(directive, _) => directive.as_str(),
            Self::Words(name, _) => name,
        }
    }
}

impl Csp {
    /// A policy that restricts nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// For answers that are no pages: nothing may load, run, be framed or be sent anywhere.
    #[must_use]
    pub fn strict() -> Self {
        Self::new()
            .directive(Directive::DefaultSrc, Source::NONE)
            .directive(Directive::BaseUri, Source::NONE)
            .directive(Directive::FormAction, Source::NONE)
            .directive(Directive::FrameAncestors, Source::NONE)
            .directive(Directive::ObjectSrc, Source::NONE)
    }

    /// For pages: scripts run only with the response's nonce or if such a script loads them; styles, images, fonts,
    /// media, workers and connections come from the page's own origin, images also from `data:`; no plugins, no frames,
    /// no `<base>`; forms go home.
    ///
    /// `'self'` is not among the sources of scripts: a file that a user uploaded would do as a script. There is no
    /// `upgrade-insecure-requests`: on a plain http address it would point every asset at a port that nobody listens
    /// on, and over https the other directives allow http nowhere.
    #[must_use]
    pub fn web() -> Self {
        Self::new()
            .directive(Directive::DefaultSrc, Source::NONE)
            .directive(
                Directive::ScriptSrc,
                [Source::NONCE, Source::STRICT_DYNAMIC],
            )
            .directive(Directive::StyleSrc, [Source::SELF, Source::NONCE])
            .directive(Directive::ImgSrc, [Source::SELF, Source::DATA])
            .directive(Directive::FontSrc, [Source::SELF])
            .directive(Directive::ConnectSrc, [Source::SELF])
            .directive(Directive::MediaSrc, [Source::SELF])
            .directive(Directive::ManifestSrc, [Source::SELF])
            .directive(Directive::WorkerSrc, [Source::SELF])
            .directive(Directive::FormAction, [Source::SELF])
            .directive(Directive::FrameAncestors, Source::NONE)
            .directive(Directive::BaseUri, Source::NONE)
            .directive(Directive::ObjectSrc, Source::NONE)
    }

    /// Sets what `directive` allows; with no source at all ([`Source::NONE`]) nothing.
    #[must_use]
    pub fn directive(
        self,
        directive: Directive,
        sources: impl IntoIterator<Item = Source>,
    ) -> Self {
        let mut list = Vec::new();
        extend(&mut list, sources);
        self.put(Clause::Sources(directive, list))
    }

    /// Adds to what `directive` allows.
    ///
    /// Where the policy has no such directive yet, it begins with the sources of the one that browsers fall back to
    /// (`default-src` for most), since it takes that one's place.
    #[must_use]
    pub fn allow(self, directive: Directive, sources: impl IntoIterator<Item = Source>) -> Self {
        let mut list = self.effective(directive);
        extend(&mut list, sources);
        self.put(Clause::Sources(directive, list))
    }

    /// Allows the response's [`CspNonce`](super::CspNonce) to scripts and styles, beside what they allow already.
    #[must_use]
    pub fn nonce(self) -> Self {
        self.allow(Directive::ScriptSrc, [Source::NONCE])
            .allow(Directive::StyleSrc, [Source::NONCE])
    }

    /// Treats the page like one in a sandboxed frame, but for what `allow` names. For content that users upload.
    #[must_use]
    pub fn sandbox(self, allow: impl IntoIterator<Item = SandboxAllow>) -> Self {
        let mut words: Vec<_> = Vec::new();
        for flag in allow {
            let word = Cow::Borrowed(flag.as_str());
            if !words.contains(&word) {
                words.push(word);
            }
        }
        self.put(Clause::Words("sandbox", words))
    }

    /// Makes the browser load by https what the page names by http, and follow its own links so.
    #[must_use]
    pub fn upgrade_insecure_requests(self) -> Self {
        self.put(Clause::Words(UPGRADE, Vec::new()))
    }

    /// Refuses plain strings where a script's text is expected, such as `innerHTML` (Trusted Types).
    #[must_use]
    pub fn require_trusted_types(self) -> Self {
        let words = vec![Cow::Borrowed("'script'")];
        self.put(Clause::Words("require-trusted-types-for", words))
    }

    /// Names the Trusted Types policies that scripts may create; with none of them `'none'`.
    ///
    /// # Errors
    ///
    /// If a name has other characters than letters, digits and `-#=_/@.%`.
    pub fn trusted_types<'a>(
        self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, InvalidHeader> {
        let mut words = Vec::new();
        for name in names {
            let is_name_byte = |b: u8| b.is_ascii_alphanumeric() || b"-#=_/@.%".contains(&b);
            if name.is_empty() || !name.bytes().all(is_name_byte) {
                return Err(InvalidHeader::new(format!(
                    "{name:?} is not the name of a trusted types policy"
                )));
            }
            let word = Cow::Owned(name.to_owned());
            if !words.contains(&word) {
                words.push(word);
            }
        }
        if words.is_empty() {
            words.push(Cow::Borrowed("'none'"));
        }
        Ok(self.put(Clause::Words("trusted-types", words)))
    }

    /// Sends violations to an endpoint that [`ReportingEndpoints`](super::ReportingEndpoints) name.
    ///
    /// # Errors
    ///
    /// If `endpoint` is not the name of one: lower-case letters, digits and `_-.*`, beginning with a letter or `*`.
    pub fn report_to(self, endpoint: &str) -> Result<Self, InvalidHeader> {
        super::reporting::check_name(endpoint)?;
        let words = vec![Cow::Owned(endpoint.to_owned())];
        Ok(self.put(Clause::Words("report-to", words)))
    }

    /// Sends violations to `uri`: for browsers that do not know [`report_to`](Self::report_to), which goes first where
    /// both are set.
    ///
    /// # Errors
    ///
    /// If `uri` is neither an https address nor a path that begins with `/`.
    pub fn report_uri(self, uri: &str) -> Result<Self, InvalidHeader> {
        super::reporting::check_uri(uri)?;
        let words = vec![Cow::Owned(uri.to_owned())];
        Ok(self.put(Clause::Words("report-uri", words)))
    }

    fn put(mut self, clause: Clause) -> Self {
        match self.0.iter_mut().find(|old| old.name() == clause.name()) {
            Some(old) => *old = clause,
            None => self.0.push(clause),
        }
        self
    }

    fn sources(&self, wanted: Directive) -> Option<&[Source]> {
        self.0.iter().find_map(|clause| match clause {
            Clause::Sources(directive, sources) if *directive == wanted => Some(&sources[..]),
            _ => None,
        })
    }

    /// What counts for `directive` now, as far as the directive itself can say it.
    fn effective(&self, directive: Directive) -> Vec<Source> {
        let mut next = Some(directive);
        while let Some(candidate) = next {
            if let Some(sources) = self.sources(candidate) {
                let taken = sources.iter().filter(|source| directive.takes(source));
                return taken.cloned().collect();
            }
            next = candidate.fallback();
        }
        Vec::new()
    }

    /// Finds what browsers would ignore or what would block everything.
    pub(super) fn check(&self) -> Result<(), InvalidHeader> {
        if self.0.is_empty() {
            return Err(InvalidHeader::new(
                "a policy without directives restricts nothing",
            ));
        }
        for clause in &self.0 {
            let Clause::Sources(directive, sources) = clause else {
                continue;
            };
            let name = directive.as_str();
            if let Some(stray) = sources.iter().find(|source| !directive.takes(source)) {
                let what = stray.text().unwrap_or("a nonce");
                return Err(InvalidHeader::new(format!(
                    "{what} has no meaning in {name}: it is for scripts and styles"
                )));
            }
            let vouched = |source: &Source| matches!(source.kind(), Kind::Nonce | Kind::Hash(_));
            if sources.contains(&Source::STRICT_DYNAMIC) && !sources.iter().any(vouched) {
                return Err(InvalidHeader::new(format!(
                    "'strict-dynamic' without a nonce or a hash in {name} blocks every script"
                )));
            }
        }
        Ok(())
    }

    /// Finds what means nothing in a policy that is only reported on.
    pub(super) fn check_report_only(&self) -> Result<(), InvalidHeader> {
        self.check()?;
        let enforced = |clause: &&Clause| matches!(clause.name(), "sandbox" | UPGRADE);
        match self.0.iter().find(enforced) {
            Some(clause) => Err(InvalidHeader::new(format!(
                "{} cannot be tried out: browsers ignore it in a report-only policy",
                clause.name()
            ))),
            None => Ok(()),
        }
    }

    /// The text of the policy, cut at each place where the nonce belongs.
    pub(super) fn into_pieces(self) -> Vec<String> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        for clause in self.0 {
            if !(pieces.is_empty() && text.is_empty()) {
                text.push_str("; ");
            }
            text.push_str(clause.name());
            match clause {
                Clause::Sources(_, sources) if sources.is_empty() => text.push_str(" 'none'"),
                Clause::Sources(_, sources) => {
                    for source in sources {
                        text.push(' ');
                        match source.text() {
                            Some(source) => text.push_str(source),
                            None => {
                                text.push_str("'nonce-");
                                pieces.push(std::mem::take(&mut text));
                                text.push('\'');
                            }
                        }
                    }
                }
                Clause::Words(_, words) => {
                    for word in words {
                        text.push(' ');
                        text.push_str(&word);
                    }
                }
            }
        }
        pieces.push(text);
        pieces
    }
}

const UPGRADE: &str = "upgrade-insecure-requests";

fn extend(list: &mut Vec<Source>, sources: impl IntoIterator<Item = Source>) {
    for source in sources {
        if !list.contains(&source) {
            list.push(source);
        }
    }
}
