use std::borrow::Cow;
use std::fmt;

use super::InvalidHeader;
use super::source::Place;

/// What a page and the frames in it may ask a browser for (`Permissions-Policy`,
/// [Permissions Policy](https://www.w3.org/TR/permissions-policy/), a dictionary of RFC 9651).
///
/// Features stand in the order in which they were first set, each once. Browsers leave a feature that is not named at
/// its default, and skip one that they do not know.
///
/// ```
/// use portcullis_security_layers::headers::{Allowlist, Feature, PermissionsPolicy};
///
/// let policy = PermissionsPolicy::new()
///     .feature(Feature::CAMERA, Allowlist::none())
///     .feature(Feature::FULLSCREEN, Allowlist::own().origin("https://video.example.com")?);
/// assert_eq!(policy.to_string(), r#"camera=(), fullscreen=(self "https://video.example.com")"#);
///
/// assert!(Allowlist::own().origin("video.example.com").is_err());
/// assert!(Feature::new("Camera; x").is_err());
/// # Ok::<_, portcullis_security_layers::headers::InvalidHeader>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PermissionsPolicy(Vec<(Feature, Allowlist)>);

impl PermissionsPolicy {
    /// Leaves every feature at its default.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Says who may use `feature`.
    #[must_use]
    pub fn feature(mut self, feature: Feature, allowed: Allowlist) -> Self {
        match self.0.iter_mut().find(|(old, _)| *old == feature) {
            Some((_, old)) => *old = allowed,
            None => self.0.push((feature, allowed)),
        }
        self
    }

    /// Denies each of `features` to everybody.
    #[must_use]
    pub fn deny(self, features: impl IntoIterator<Item = Feature>) -> Self {
        features.into_iter().fold(self, |policy, feature| {
            policy.feature(feature, Allowlist::none())
        })
    }
}

impl fmt::Display for PermissionsPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (feature, allowed)) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{}={allowed}", feature.0)?;
        }
        Ok(())
    }
}

/// Who may use a [`Feature`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowlist(Allowed);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Allowed {
    Everybody,
    Listed { own: bool, origins: Vec<String> },
}

impl Allowlist {
    /// Nobody: `()`.
    #[must_use]
    pub const fn none() -> Self {
        Self::listed(false)
    }

    /// The page's own origin: `(self)`.
    #[must_use]
    pub const fn own() -> Self {
        Self::listed(true)
    }

    /// Everybody: `*`.
    #[must_use]
    pub const fn everybody() -> Self {
        Self(Allowed::Everybody)
    }

    const fn listed(own: bool) -> Self {
        let origins = Vec::new();
        Self(Allowed::Listed { own, origins })
    }

    /// Frames of one origin more: `https://video.example.com`, or with `*.` before the name all of its subdomains.
    /// Where everybody is allowed already, nothing changes.
    ///
    /// # Errors
    ///
    /// If `origin` is not a scheme and a host, with or without a port.
    pub fn origin(mut self, origin: &str) -> Result<Self, InvalidHeader> {
        let is_origin =
            |place: Place<'_>| place.scheme.is_some() && place.host != "*" && place.path.is_empty();
        if !Place::parse(origin).is_ok_and(is_origin) {
            return Err(InvalidHeader::new(format!(
                "{origin:?} is not an origin such as https://example.com"
            )));
        }
        if let Allowed::Listed { origins, .. } = &mut self.0
            && !origins.iter().any(|old| old == origin)
        {
            origins.push(origin.to_owned());
        }
        Ok(self)
    }
}

impl fmt::Display for Allowlist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (own, origins) = match &self.0 {
            Allowed::Everybody => return f.write_str("*"),
            Allowed::Listed { own, origins } => (own, origins),
        };
        f.write_str("(")?;
        if *own {
            f.write_str("self")?;
        }
        for (i, origin) in origins.iter().enumerate() {
            let space = if i == 0 && !own { "" } else { " " };
            write!(f, "{space}\"{origin}\"")?;
        }
        f.write_str(")")
    }
}

/// Something that a page may ask a browser for.
///
/// The constants are the features of
/// [the W3C's list](https://github.com/w3c/webappsec-permissions-policy/blob/main/features.md) that this module's presets
/// or most pages speak of; any other is made with [`new`](Self::new).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Feature(Cow<'static, str>);

macro_rules! features {
    ($($name:ident = $text:literal,)+) => {
        $(
            #[doc = concat!("`", $text, "`.")]
            pub const $name: Self = Self(Cow::Borrowed($text));
        )+
    };
}

impl Feature {
    features! {
        ACCELEROMETER = "accelerometer",
        AMBIENT_LIGHT_SENSOR = "ambient-light-sensor",
        AUTOPLAY = "autoplay",
        BLUETOOTH = "bluetooth",
        BROWSING_TOPICS = "browsing-topics",
        CAMERA = "camera",
        CLIPBOARD_READ = "clipboard-read",
        CLIPBOARD_WRITE = "clipboard-write",
        CROSS_ORIGIN_ISOLATED = "cross-origin-isolated",
        DISPLAY_CAPTURE = "display-capture",
        ENCRYPTED_MEDIA = "encrypted-media",
        FULLSCREEN = "fullscreen",
        GAMEPAD = "gamepad",
        GEOLOCATION = "geolocation",
        GYROSCOPE = "gyroscope",
        HID = "hid",
        IDENTITY_CREDENTIALS_GET = "identity-credentials-get",
        IDLE_DETECTION = "idle-detection",
        INTEREST_COHORT = "interest-cohort",
        KEYBOARD_MAP = "keyboard-map",
        LOCAL_FONTS = "local-fonts",
        MAGNETOMETER = "magnetometer",
        MICROPHONE = "microphone",
        MIDI = "midi",
        OTP_CREDENTIALS = "otp-credentials",
        PAYMENT = "payment",
        PICTURE_IN_PICTURE = "picture-in-picture",
        PUBLICKEY_CREDENTIALS_CREATE = "publickey-credentials-create",
        PUBLICKEY_CREDENTIALS_GET = "publickey-credentials-get",
        SCREEN_WAKE_LOCK = "screen-wake-lock",
        SERIAL = "serial",
        SPEAKER_SELECTION = "speaker-selection",
        STORAGE_ACCESS = "storage-access",
        SYNC_XHR = "sync-xhr",
        UNLOAD = "unload",
        USB = "usb",
        WEB_SHARE = "web-share",
        WINDOW_MANAGEMENT = "window-management",
        XR_SPATIAL_TRACKING = "xr-spatial-tracking",
    }

    /// A feature by its name.
    ///
    /// # Errors
    ///
    /// If `name` is not made of lower-case letters, digits and `-`, beginning with a letter.
    pub fn new(name: &str) -> Result<Self, InvalidHeader> {
        let starts = name.starts_with(|c: char| c.is_ascii_lowercase());
        let is_name_byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !starts || !name.bytes().all(is_name_byte) {
            return Err(InvalidHeader::new(format!(
                "{name:?} is not the name of a feature such as picture-in-picture"
            )));
        }
        Ok(Self(Cow::Owned(name.to_owned())))
    }

    /// The name as it stands in the header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
