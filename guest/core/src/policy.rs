//! What a client permits and how far it goes: limits, allowed origins, and the check of a destination. Semantics.md sections 10 to 13 and 22.
use alloc::{string::String, vec::Vec};
use core::time::Duration;

use crate::{
    ErrorKind, address,
    text::{cut, join},
    time,
    url::Url,
};

/// The deadline of an rpc that was given none: 5 seconds (semantics.md 20.3).
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(5);
/// The longest deadline before anyone changes it: 60 seconds (semantics.md 20.3).
pub const MAXIMUM_DEADLINE: Duration = Duration::from_secs(60);
/// Calls out at once before anyone changes it (semantics.md 3.3).
pub const MAX_IN_FLIGHT: u32 = 100;
/// Redirects followed before anyone changes it (semantics.md 10.2).
pub const MAX_REDIRECTS: u32 = 5;
/// Bytes of decoded content kept before anyone changes it: 32 MiB (semantics.md 12.1).
pub const MAX_RESPONSE: u32 = 1 << 25;
/// The longest URL in bytes before anyone changes it (semantics.md 13.2 and 20.9).
pub const MAX_URL: usize = 10_240;
/// The most bytes of a URL that can be allowed. Hosts refuse a target beyond 65,534 bytes, and an escape has three for one.
pub const MAX_URL_LIMIT: u32 = 20_480;
/// What `user-agent` says unless the policy says otherwise.
pub const USER_AGENT: &str = concat!("urlfetch/", env!("CARGO_PKG_VERSION"));

/// The longest product text, in bytes. It goes out besides the caller's own headers, and a host may trap on too many of them.
pub const MAX_USER_AGENT: usize = 1_024;

/// What an operator may change about the rules of semantics.md section 13.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UrlLimits {
    /// Bytes of the text as given, or of what a `Location` resolves to (13.2).
    pub max_length: usize,
    /// Whether every port from 1 is fetched, and not only those of 13.3.
    pub any_port: bool,
}

impl Default for UrlLimits {
    /// App Engine's: [`MAX_URL`], and the ports of 13.3.
    fn default() -> Self {
        Self {
            max_length: MAX_URL,
            any_port: false,
        }
    }
}

/// The settings of one client. A call keeps those of the moment it was started.
///
/// A setter refuses a value without meaning with `InvalidArgument`; then the old value stays.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The deadline of rpcs created without one; none stands for [`DEFAULT_DEADLINE`].
    default_deadline: Option<f64>,
    maximum_deadline: Duration,
    max_in_flight: u32,
    max_per_origin: u32,
    max_redirects: u32,
    max_response: u32,
    url_limits: UrlLimits,
    user_agent: Option<String>,
    allowed_origins: Vec<AllowedOrigin>,
    /// Follow 308 like 307.
    pub follow_308: bool,
    /// Permit private and loopback addresses.
    pub allow_private: bool,
    /// Treat validate-certificate = false as true instead of refusing it.
    pub validate_anyway: bool,
    /// Send credentials on to another origin that a redirect leads to (semantics.md 10.7).
    pub keep_credentials: bool,
    /// A content that was cut fails get-result only, and not check-success (semantics.md 20.5).
    pub truncation_passes_check: bool,
    /// Send a call only when something waits for it.
    pub development: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            default_deadline: None,
            maximum_deadline: MAXIMUM_DEADLINE,
            max_in_flight: MAX_IN_FLIGHT,
            max_per_origin: MAX_IN_FLIGHT,
            max_redirects: MAX_REDIRECTS,
            max_response: MAX_RESPONSE,
            url_limits: UrlLimits::default(),
            user_agent: None,
            allowed_origins: Vec::new(),
            follow_308: false,
            allow_private: false,
            validate_anyway: false,
            keep_credentials: false,
            truncation_passes_check: false,
            development: false,
        }
    }
}

impl Policy {
    /// Seconds; none when none was set.
    pub fn default_deadline(&self) -> Option<f64> {
        self.default_deadline
    }

    /// Sets or clears the default deadline, in seconds. It must be finite and positive.
    pub fn set_default_deadline(&mut self, seconds: Option<f64>) -> Result<(), ErrorKind> {
        if let Some(seconds) = seconds {
            time::from_seconds(seconds).ok_or(ErrorKind::InvalidArgument)?;
        }
        self.default_deadline = seconds;
        Ok(())
    }

    /// Sets the longest deadline, in seconds. It must be finite and positive.
    pub fn set_maximum_deadline(&mut self, seconds: f64) -> Result<(), ErrorKind> {
        self.maximum_deadline = time::from_seconds(seconds).ok_or(ErrorKind::InvalidArgument)?;
        Ok(())
    }

    /// How long a call with this deadline, in seconds, may take: clamped to the maximum.
    pub fn allowance(&self, deadline: Option<f64>) -> Duration {
        let asked = deadline
            .and_then(time::from_seconds)
            .unwrap_or(DEFAULT_DEADLINE);
        asked.min(self.maximum_deadline)
    }

    /// Calls out at once, in total and to one origin.
    pub fn max_in_flight(&self) -> (u32, u32) {
        (self.max_in_flight, self.max_per_origin)
    }

    /// Sets how many calls may be out at once: 1 to 10,000 each.
    pub fn set_max_in_flight(&mut self, total: u32, per_origin: u32) -> Result<(), ErrorKind> {
        let sensible = 1..=10_000;
        if !sensible.contains(&total) || !sensible.contains(&per_origin) {
            return Err(ErrorKind::InvalidArgument);
        }
        (self.max_in_flight, self.max_per_origin) = (total, per_origin);
        Ok(())
    }

    /// Redirects followed in one call.
    pub fn max_redirects(&self) -> u32 {
        self.max_redirects
    }

    /// Sets how many redirects are followed: at most 100.
    pub fn set_max_redirects(&mut self, hops: u32) -> Result<(), ErrorKind> {
        if hops > 100 {
            return Err(ErrorKind::InvalidArgument);
        }
        self.max_redirects = hops;
        Ok(())
    }

    /// Bytes of decoded content kept.
    pub fn max_response(&self) -> usize {
        self.max_response as usize
    }

    /// Sets how many bytes of content are kept: 1 to 2^30.
    pub fn set_max_response(&mut self, bytes: u32) -> Result<(), ErrorKind> {
        if !(1..=1 << 30).contains(&bytes) {
            return Err(ErrorKind::InvalidArgument);
        }
        self.max_response = bytes;
        Ok(())
    }

    /// The rules about URLs that may be changed.
    pub fn url_limits(&self) -> UrlLimits {
        self.url_limits
    }

    /// Sets how many bytes a URL may have, 1 to [`MAX_URL_LIMIT`], and whether every port from 1 is fetched (semantics.md 13.2, 13.3).
    pub fn set_url_limits(&mut self, max_length: u32, any_port: bool) -> Result<(), ErrorKind> {
        if !(1..=MAX_URL_LIMIT).contains(&max_length) {
            return Err(ErrorKind::InvalidArgument);
        }
        self.url_limits = UrlLimits {
            max_length: max_length as usize,
            any_port,
        };
        Ok(())
    }

    /// The product text of `user-agent`; empty when nothing is to be added.
    pub fn user_agent(&self) -> &str {
        self.user_agent.as_deref().unwrap_or(USER_AGENT)
    }

    /// Sets the product text: none for [`USER_AGENT`]. Control and non-ASCII characters are refused, and more than
    /// [`MAX_USER_AGENT`] of them.
    pub fn set_user_agent(&mut self, text: Option<String>) -> Result<(), ErrorKind> {
        let sensible = |text: &String| {
            text.len() <= MAX_USER_AGENT && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        };
        if !text.as_ref().is_none_or(sensible) {
            return Err(ErrorKind::InvalidArgument);
        }
        self.user_agent = text;
        Ok(())
    }

    /// Sets the only origins that may be fetched, such as `https://example.com`, `http://example.com:8080` or
    /// `https://*.example.com`; empty for any. Anything else than scheme, host and port is refused.
    pub fn set_allowed_origins(&mut self, origins: &[String]) -> Result<(), ErrorKind> {
        let parsed: Option<Vec<_>> = origins
            .iter()
            .map(|text| AllowedOrigin::parse(text, self.url_limits))
            .collect();
        self.allowed_origins = parsed.ok_or(ErrorKind::InvalidArgument)?;
        Ok(())
    }

    /// Whether the URL may be fetched; when not, why, naming the switch that permits it.
    pub fn permits(&self, url: &Url) -> Result<(), String> {
        if !self.allowed_origins.is_empty()
            && !self.allowed_origins.iter().any(|origin| origin.covers(url))
        {
            return Err(join(&[
                url.origin(),
                " is not among the allowed origins (set-allowed-origins)",
            ]));
        }
        if !self.allow_private && !address::is_public_host(url.host()) {
            return Err(join(&[
                url.host(),
                " is a private address; allow-private permits it",
            ]));
        }
        Ok(())
    }
}

/// A scheme, a host or every name below it, and a port.
#[derive(Clone, Debug)]
struct AllowedOrigin {
    /// With the `*.` taken away.
    url: Url,
    below: bool,
}

impl AllowedOrigin {
    fn parse(text: &str, limits: UrlLimits) -> Option<Self> {
        let (front, star) = cut(text.as_bytes(), b"*");
        let below = !star.is_empty();
        if below && !(front.ends_with(b"//") && star.starts_with(b"*.")) {
            return None;
        }
        let (front, name) = text.split_at_checked(front.len())?;
        let whole = join(&[front, name.get(2..).unwrap_or_default()]);
        let url = Url::parse_within(limits, &whole).ok()?;
        // Nothing follows host and port.
        let marks = text
            .bytes()
            .filter(|byte| matches!(byte, b'/' | b'?' | b'#'));
        (marks.count() == 2).then_some(Self { url, below })
    }

    fn covers(&self, url: &Url) -> bool {
        if !self.below {
            return self.url.origin() == url.origin();
        }
        self.url.scheme() == url.scheme()
            && self.url.port() == url.port()
            && name(url)
                .strip_suffix(name(&self.url))
                .is_some_and(|front| front.ends_with(b"."))
    }
}

/// The host without the trailing dot.
fn name(url: &Url) -> &[u8] {
    let host = url.host().as_bytes();
    host.strip_suffix(b".").unwrap_or(host)
}
