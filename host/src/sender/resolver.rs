//! Name lookup whose answers were judged: what it returns is what may be connected to.

use super::EgressPolicy;
use crate::Fault;
use hyper_util::client::legacy::connect::dns::Name;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// The system's resolver behind an egress policy. Hosts that are addresses never come here: they are judged with the request.
#[derive(Clone)]
pub(super) struct JudgedResolver {
    policy: Arc<EgressPolicy>,
}

impl JudgedResolver {
    pub(super) fn new(policy: Arc<EgressPolicy>) -> Self {
        JudgedResolver { policy }
    }
}

impl tower_service::Service<Name> for JudgedResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Fault>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let policy = self.policy.clone();
        Box::pin(async move {
            // Port 0 stands for "the request's": the connector puts it in.
            let found = tokio::net::lookup_host((name.as_str(), 0))
                .await
                .map_err(|error| Fault::DnsError {
                    rcode: Some(error.to_string()),
                })?;
            judge(&policy, found)
        })
    }
}

/// Keeps the permitted addresses; no address at all is a failed lookup, none permitted is a refusal.
fn judge(
    policy: &EgressPolicy,
    found: impl Iterator<Item = SocketAddr>,
) -> Result<std::vec::IntoIter<SocketAddr>, Fault> {
    let found: Vec<_> = found.collect();
    if found.is_empty() {
        return Err(Fault::DnsError {
            rcode: Some("no address".to_owned()),
        });
    }
    let permitted: Vec<_> = found
        .into_iter()
        .filter(|address| policy.permits(address.ip()))
        .collect();
    if permitted.is_empty() {
        return Err(Fault::DestinationIpProhibited);
    }
    Ok(permitted.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_permitted_addresses_of_a_name_are_connected_to() {
        let policy = EgressPolicy::public_only();
        let at = |text: &str| SocketAddr::new(text.parse().unwrap(), 0);
        let kept: Vec<_> = judge(&policy, [at("10.0.0.1"), at("1.1.1.1")].into_iter())
            .unwrap()
            .collect();
        assert_eq!(kept, [at("1.1.1.1")]);
        assert_eq!(
            judge(&policy, [at("10.0.0.1"), at("::1")].into_iter()).err(),
            Some(Fault::DestinationIpProhibited)
        );
        assert!(matches!(
            judge(&policy, std::iter::empty()).err(),
            Some(Fault::DnsError { .. })
        ));
    }
}
