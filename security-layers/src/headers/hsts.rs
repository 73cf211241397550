use std::fmt;
use std::time::Duration;

use super::InvalidHeader;

/// For how long browsers shall use nothing but https for this host (`Strict-Transport-Security`, RFC 6797).
///
/// A browser keeps the promise for the whole time, whatever the service does later, so a first roll-out begins with
/// minutes. The layer sends it only over https, where alone it means something (section 7.2).
///
/// ```
/// use std::time::Duration;
/// use portcullis_security_layers::headers::Hsts;
///
/// let hsts = Hsts::new(Duration::from_secs(63_072_000)).include_subdomains();
/// assert_eq!(hsts.to_string(), "max-age=63072000; includeSubDomains");
/// assert!(hsts.preload().is_ok());
///
/// let brief = Hsts::new(Duration::from_secs(300)).include_subdomains();
/// assert!(brief.preload().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hsts {
    seconds: u64,
    include_subdomains: bool,
    preload: bool,
}

impl Hsts {
    /// What the preload list asks for at least: one year.
    const PRELOAD_SECONDS: u64 = 31_536_000;

    /// This host alone, for `max_age`, of which whole seconds count. Zero makes browsers forget an earlier policy.
    #[must_use]
    pub const fn new(max_age: Duration) -> Self {
        Self {
            seconds: max_age.as_secs(),
            include_subdomains: false,
            preload: false,
        }
    }

    /// All subdomains too: also those that speak plain http today would be out of reach.
    #[must_use]
    pub const fn include_subdomains(mut self) -> Self {
        self.include_subdomains = true;
        self
    }

    /// Consents to the host being built into browsers (<https://hstspreload.org>), which takes months to undo.
    ///
    /// # Errors
    ///
    /// If the list would not take the policy: it asks for [`include_subdomains`](Self::include_subdomains) and a
    /// `max_age` of a year (31536000 seconds) at least.
    pub fn preload(mut self) -> Result<Self, InvalidHeader> {
        if self.seconds < Self::PRELOAD_SECONDS {
            return Err(InvalidHeader::new(format!(
                "the preload list takes a max-age of 31536000 seconds or more, not {}",
                self.seconds
            )));
        }
        if !self.include_subdomains {
            return Err(InvalidHeader::new(
                "the preload list takes only policies that include subdomains",
            ));
        }
        self.preload = true;
        Ok(self)
    }
}

impl fmt::Display for Hsts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "max-age={}", self.seconds)?;
        if self.include_subdomains {
            f.write_str("; includeSubDomains")?;
        }
        if self.preload {
            f.write_str("; preload")?;
        }
        Ok(())
    }
}
