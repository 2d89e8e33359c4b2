//! One entry of an allow-list of hosts.

use std::fmt;
use std::str::FromStr;

/// `[SCHEME://]HOST[:PORT]`. HOST is a name, an address, `*.NAME` (any name below NAME) or `*`; without SCHEME both are meant,
/// without PORT the scheme's own, and the port `*` is any. Names compare without regard to case or to a final dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost {
    scheme: Option<String>,
    host: Host,
    port: Port,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Any,
    Exact(String),
    /// Any name that ends in `.` and this.
    Below(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    OfScheme,
    Any,
    Exact(u16),
}

/// The text is no allowed host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no allowed host: {reason}")]
pub struct AllowedHostError {
    text: String,
    reason: &'static str,
}

impl AllowedHost {
    /// The port a scheme stands for.
    pub(crate) fn default_port(scheme: &str) -> Option<u16> {
        match scheme {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        }
    }

    /// Whether a request may go there. `port` is the one that will be connected to.
    pub(crate) fn matches(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let host_fits = match &self.host {
            Host::Any => true,
            Host::Exact(name) => *name == host,
            Host::Below(name) => host
                .strip_suffix(name.as_str())
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        };
        let port_fits = match self.port {
            Port::Any => true,
            Port::Exact(exact) => port == Some(exact),
            Port::OfScheme => port == Self::default_port(scheme),
        };
        host_fits && port_fits && self.scheme.as_deref().is_none_or(|only| only == scheme)
    }
}

impl FromStr for AllowedHost {
    type Err = AllowedHostError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |reason| AllowedHostError {
            text: text.to_owned(),
            reason,
        };
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme @ ("http" | "https"), rest)) => (Some(scheme.to_owned()), rest),
            Some(_) => return Err(wrong("the scheme is neither http nor https")),
            None => (None, text),
        };
        // A colon inside brackets belongs to an IPv6 address.
        let after_bracket = rest.rfind(']').map_or(0, |at| at + 1);
        let (host, port) = match rest[after_bracket..].rfind(':') {
            Some(at) => (
                &rest[..after_bracket + at],
                Some(&rest[after_bracket + at + 1..]),
            ),
            None => (rest, None),
        };
        let port = match port {
            None => Port::OfScheme,
            Some("*") => Port::Any,
            Some(digits) => Port::Exact(
                digits
                    .parse()
                    .map_err(|_| wrong("the port is no number from 0 to 65535"))?,
            ),
        };
        let any = host == "*";
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let plain = |name: &str| !name.is_empty() && !name.contains(['*', '/', '@', '?', '#', ' ']);
        let host = match host.strip_prefix("*.") {
            _ if any => Host::Any,
            Some(name) if plain(name) => Host::Below(name.to_owned()),
            None if plain(&host) => Host::Exact(host),
            _ => return Err(wrong("expected a host, `*.` and a name, or `*`")),
        };
        Ok(AllowedHost { scheme, host, port })
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = &self.scheme {
            write!(f, "{scheme}://")?;
        }
        match &self.host {
            Host::Any => f.write_str("*")?,
            Host::Exact(name) => f.write_str(name)?,
            Host::Below(name) => write!(f, "*.{name}")?,
        }
        match self.port {
            Port::OfScheme => Ok(()),
            Port::Any => f.write_str(":*"),
            Port::Exact(port) => write!(f, ":{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(entry: &str, uri: &str) -> bool {
        let uri: http::Uri = uri.parse().unwrap();
        let scheme = uri.scheme_str().unwrap();
        let port = uri.port_u16().or(AllowedHost::default_port(scheme));
        entry
            .parse::<AllowedHost>()
            .unwrap()
            .matches(scheme, uri.host().unwrap(), port)
    }

    #[test]
    fn an_entry_means_the_host_it_names_and_no_other() {
        assert!(allows("example.com", "https://EXAMPLE.com./x"));
        assert!(allows("example.com", "http://example.com/"));
        assert!(!allows("example.com", "http://example.com:8080/"));
        assert!(!allows("https://example.com", "http://example.com/"));
        assert!(!allows("example.com", "https://example.com.evil.test/"));
        assert!(allows("http://[::1]:*", "http://[::1]:4000/"));
        assert!(allows("*:8080", "http://anything.test:8080/"));
    }

    #[test]
    fn a_wildcard_means_names_below_and_not_the_name_itself() {
        assert!(allows("https://*.example.com", "https://a.b.example.com/"));
        assert!(!allows("https://*.example.com", "https://example.com/"));
        assert!(!allows("https://*.example.com", "https://notexample.com/"));
    }

    #[test]
    fn what_is_no_host_is_refused_with_its_reason() {
        for text in [
            "",
            "ftp://example.com",
            "example.com:http",
            "a*b.test",
            "https://",
            "*.",
            "user@host",
            "host/path",
        ] {
            assert!(text.parse::<AllowedHost>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_entry_reads_back_as_it_prints() {
        for text in [
            "example.com",
            "https://*.example.com:8443",
            "http://[::1]:*",
            "*",
        ] {
            assert_eq!(text.parse::<AllowedHost>().unwrap().to_string(), text);
        }
    }
}
