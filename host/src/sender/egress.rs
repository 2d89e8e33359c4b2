//! Where a host lets its guests go: names before the lookup, addresses after it.

use super::{AllowedHost, BlockedNetwork};
use crate::Fault;
use std::net::IpAddr;

/// Which destinations are permitted. The default permits all of them; the component's own policy stands in front either way.
///
/// Names are judged before anything is looked up, addresses after it, and a connection is opened only to an address that was judged:
/// a name that resolves differently the second time gains nothing.
#[derive(Clone, Debug, Default)]
pub struct EgressPolicy {
    /// The only hosts that may be named; empty permits every host. Anything else fails with HTTP-request-denied.
    pub allowed_hosts: Vec<AllowedHost>,
    /// Networks that are never connected to. A destination with no other address fails with destination-IP-prohibited.
    pub blocked_networks: Vec<BlockedNetwork>,
}

impl EgressPolicy {
    /// Every host, but public addresses only.
    pub fn public_only() -> Self {
        EgressPolicy {
            allowed_hosts: Vec::new(),
            blocked_networks: vec![BlockedNetwork::Private],
        }
    }

    /// Judges a request before the lookup: its host, and its address when the host is one.
    pub(crate) fn judge_uri(&self, uri: &http::Uri) -> Result<(), Fault> {
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return Err(Fault::HttpRequestUriInvalid);
        };
        let port = uri.port_u16().or(AllowedHost::default_port(scheme));
        if !self.allowed_hosts.is_empty()
            && !self
                .allowed_hosts
                .iter()
                .any(|allowed| allowed.matches(scheme, host, port))
        {
            return Err(Fault::HttpRequestDenied);
        }
        match host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>()
        {
            Ok(address) if !self.permits(address) => Err(Fault::DestinationIpProhibited),
            _ => Ok(()),
        }
    }

    /// Judges one address.
    pub(crate) fn permits(&self, address: IpAddr) -> bool {
        !self
            .blocked_networks
            .iter()
            .any(|network| network.contains(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(policy: &EgressPolicy, uri: &str) -> Result<(), Fault> {
        policy.judge_uri(&uri.parse().unwrap())
    }

    #[test]
    fn the_default_permits_everything() {
        let policy = EgressPolicy::default();
        assert_eq!(judge(&policy, "http://127.0.0.1:1/"), Ok(()));
        assert_eq!(judge(&policy, "https://example.com/"), Ok(()));
    }

    #[test]
    fn a_host_outside_the_list_is_denied_before_its_address_is_judged() {
        let policy = EgressPolicy {
            allowed_hosts: vec!["example.com".parse().unwrap()],
            blocked_networks: vec![BlockedNetwork::Private],
        };
        assert_eq!(judge(&policy, "https://example.com/"), Ok(()));
        assert_eq!(
            judge(&policy, "https://10.0.0.1/"),
            Err(Fault::HttpRequestDenied)
        );
    }

    #[test]
    fn private_literals_are_prohibited_in_every_spelling_of_the_address() {
        let policy = EgressPolicy::public_only();
        for uri in [
            "http://127.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://169.254.169.254/",
        ] {
            assert_eq!(
                judge(&policy, uri),
                Err(Fault::DestinationIpProhibited),
                "{uri}"
            );
        }
        assert_eq!(judge(&policy, "http://93.184.216.34/"), Ok(()));
    }
}
