use super::source::{Kind, Source};
use super::tokens::tokens;

tokens! {
    /// What a list of [`Source`]s is for (CSP level 3, section 6).
    #[non_exhaustive]
    pub enum Directive {
        /// Everything that has no directive of its own: all that end in `-src`.
        DefaultSrc = "default-src",
        /// Frames and workers.
        ChildSrc = "child-src",
        /// What scripts connect to: `fetch`, WebSocket, beacons.
        ConnectSrc = "connect-src",
        /// Fenced frames.
        FencedFrameSrc = "fenced-frame-src",
        /// Fonts.
        FontSrc = "font-src",
        /// Frames.
        FrameSrc = "frame-src",
        /// Images and icons.
        ImgSrc = "img-src",
        /// Manifests of installable pages.
        ManifestSrc = "manifest-src",
        /// Sound, video and their subtitles.
        MediaSrc = "media-src",
        /// `<object>` and `<embed>`.
        ObjectSrc = "object-src",
        /// Scripts.
        ScriptSrc = "script-src",
        /// Event handlers in attributes, apart from other scripts.
        ScriptSrcAttr = "script-src-attr",
        /// `<script>` elements, apart from event handlers.
        ScriptSrcElem = "script-src-elem",
        /// Styles.
        StyleSrc = "style-src",
        /// `style` attributes, apart from other styles.
        StyleSrcAttr = "style-src-attr",
        /// `<style>` and `<link>` elements, apart from `style` attributes.
        StyleSrcElem = "style-src-elem",
        /// Workers.
        WorkerSrc = "worker-src",
        /// `<base>` elements, by which an injected one redirects every relative address of the page.
        BaseUri = "base-uri",
        /// Where forms are sent.
        FormAction = "form-action",
        /// Who may show the page in a frame.
        FrameAncestors = "frame-ancestors",
    }
}

tokens! {
    /// One thing that a [sandboxed](super::Csp::sandbox) page may do all the same (HTML, section 4.8.5).
    #[non_exhaustive]
    pub enum SandboxAllow {
        /// Download files.
        Downloads = "allow-downloads",
        /// Send forms.
        Forms = "allow-forms",
        /// Open dialogs that wait for an answer.
        Modals = "allow-modals",
        /// Lock the orientation of the screen.
        OrientationLock = "allow-orientation-lock",
        /// Capture the pointer.
        PointerLock = "allow-pointer-lock",
        /// Open windows.
        Popups = "allow-popups",
        /// Open windows that are not sandboxed.
        PopupsToEscapeSandbox = "allow-popups-to-escape-sandbox",
        /// Start a presentation.
        Presentation = "allow-presentation",
        /// Keep its origin: with `Scripts` it can then free itself, if it is framed by a page of that origin.
        SameOrigin = "allow-same-origin",
        /// Run scripts.
        Scripts = "allow-scripts",
        /// Navigate the whole window.
        TopNavigation = "allow-top-navigation",
        /// Navigate the whole window when the user asks for it.
        TopNavigationByUserActivation = "allow-top-navigation-by-user-activation",
        /// Open other programs by their schemes.
        TopNavigationToCustomProtocols = "allow-top-navigation-to-custom-protocols",
    }
}

impl Directive {
    /// What browsers look at when a policy lacks this directive (section 6.8.1); `None`: they allow everything.
    pub(super) const fn fallback(self) -> Option<Self> {
        match self {
            Self::DefaultSrc | Self::BaseUri | Self::FormAction | Self::FrameAncestors => None,
            Self::ScriptSrcAttr | Self::ScriptSrcElem => Some(Self::ScriptSrc),
            Self::StyleSrcAttr | Self::StyleSrcElem => Some(Self::StyleSrc),
            Self::FrameSrc | Self::WorkerSrc => Some(Self::ChildSrc),
            Self::FencedFrameSrc => Some(Self::FrameSrc),
            _ => Some(Self::DefaultSrc),
        }
    }

    /// Whether `source` means anything here.
    pub(super) fn takes(self, source: &Source) -> bool {
        let attribute = matches!(self, Self::ScriptSrcAttr | Self::StyleSrcAttr);
        let code = matches!(
            self,
            Self::DefaultSrc
                | Self::ScriptSrc
                | Self::ScriptSrcAttr
                | Self::ScriptSrcElem
                | Self::StyleSrc
                | Self::StyleSrcAttr
                | Self::StyleSrcElem
        );
        match source.kind() {
            Kind::Place(_) => true,
            Kind::Code(_) | Kind::Hash(_) => code,
            Kind::Nonce => code && !attribute,
        }
    }
}
