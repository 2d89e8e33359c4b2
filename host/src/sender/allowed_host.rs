//! One entry of an allow-list of hosts.

use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// `[SCHEME://]HOST[:PORT]`, as the manifests of Spin have it in `allowed_outbound_hosts`.
///
/// HOST is a name, an address, a network such as `10.0.0.0/8`, `*.NAME` (any name below NAME) or `*`. Without SCHEME, or with `*`, both
/// are meant; without PORT the scheme's own; the port `*` is any, `8000..9000` those from 8000 up to 8999. Names compare without regard
/// to case or to a final dot. A network means addresses that a URL names, not those that a name resolves to.
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
    /// Any address of this network.
    Within(IpNet),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    OfScheme,
    Any,
    Exact(u16),
    /// The second is the first that is none of them.
    Between(u16, u16),
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
            Host::Within(network) => address(&host).is_some_and(|it| network.contains(&it)),
        };
        let port_fits = match self.port {
            Port::Any => true,
            Port::Exact(exact) => port == Some(exact),
            Port::Between(from, to) => port.is_some_and(|port| (from..to).contains(&port)),
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
            Some(("*", rest)) => (None, rest),
            Some(_) => return Err(wrong("the scheme is neither http nor https nor `*`")),
            None => (None, text),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        // A colon inside brackets belongs to an IPv6 address, and so do those of a network.
        let after_bracket = rest.rfind(']').map_or(0, |at| at + 1);
        let (host, port) = match rest[after_bracket..].rfind(':') {
            _ if rest.parse::<IpNet>().is_ok() => (rest, None),
            Some(at) => (
                &rest[..after_bracket + at],
                Some(&rest[after_bracket + at + 1..]),
            ),
            None => (rest, None),
        };
        let port = match port {
            None => Port::OfScheme,
            Some("*") => Port::Any,
            Some(digits) => {
                let number = |digits: &str| {
                    let number = digits.parse::<u16>();
                    number.map_err(|_| wrong("the port is no number from 0 to 65535"))
                };
                match digits.split_once("..") {
                    Some((from, to)) => Port::Between(number(from)?, number(to)?),
                    None => Port::Exact(number(digits)?),
                }
            }
        };
        let any = host == "*";
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let odd = ['*', '/', '@', '?', '#', ' ', '{', '}'];
        let plain = |name: &str| !name.is_empty() && !name.contains(odd);
        let host = match host.strip_prefix("*.") {
            _ if any => Host::Any,
            None if host.contains('/') => {
                Host::Within(host.parse().map_err(|_| wrong("a path, or no network"))?)
            }
            Some(name) if plain(name) => Host::Below(name.to_owned()),
            None if plain(&host) => Host::Exact(host),
            _ => return Err(wrong("expected a host, `*.` and a name, or `*`")),
        };
        Ok(AllowedHost { scheme, host, port })
    }
}

/// The address that is the host of a URL.
fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
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
            Host::Within(network) => write!(f, "{network}")?,
        }
        match self.port {
            Port::OfScheme => Ok(()),
            Port::Any => f.write_str(":*"),
            Port::Exact(port) => write!(f, ":{port}"),
            Port::Between(from, to) => write!(f, ":{from}..{to}"),
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
    fn what_a_manifest_of_spin_says_is_understood() {
        assert!(allows("*://example.com:*", "http://example.com:8080/"));
        assert!(allows("*://*:*", "https://[::1]:1/"));
        assert!(allows("https://example.com/", "https://example.com/"));
        assert!(allows("http://a.test:8000..8002", "http://a.test:8001/"));
        assert!(!allows("http://a.test:8000..8002", "http://a.test:8002/"));
        assert!(!allows("http://a.test:8000..8002", "http://a.test/"));
    }

    #[test]
    fn a_network_means_the_addresses_that_are_named_and_no_names() {
        assert!(allows("http://10.0.0.0/8", "http://10.1.2.3/"));
        assert!(allows("http://10.0.0.0/8:*", "http://10.1.2.3:4000/"));
        assert!(allows("https://fd00::/8", "https://[fd00::1]/"));
        assert!(!allows("http://10.0.0.0/8", "http://11.0.0.1/"));
        assert!(!allows("http://10.0.0.0/8", "http://10.1.2.3:4000/"));
        assert!(!allows("http://0.0.0.0/0", "http://a.test/"));
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
            "10.0.0.0/33",
            "host:1..x",
            "https://{{api}}",
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
            "10.0.0.0/8:80",
            "https://example.com:8000..9000",
            "*",
        ] {
            assert_eq!(text.parse::<AllowedHost>().unwrap().to_string(), text);
        }
    }
}
