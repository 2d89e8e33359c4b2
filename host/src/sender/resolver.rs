//! Name lookup whose answers were judged: what it returns is what may be connected to.

use super::{EgressPolicy, call::Call};
use crate::Fault;
use hyper_util::client::legacy::connect::dns::Name;
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

type Found = Pin<Box<dyn Future<Output = Result<Vec<IpAddr>, Fault>> + Send>>;

/// Who answers for names: by default the system's resolver, in a blocking thread.
///
/// Whoever it is, the egress policy judges every address of every answer, and nothing else is connected to.
#[derive(Clone, Default)]
pub struct Resolver(Option<Arc<dyn Fn(String) -> Found + Send + Sync>>);

impl Resolver {
    /// Asks `lookup` for each connection that is opened to a name, and never for one that is used again. It gives the addresses in the
    /// order in which they are to be tried, or the code the exchange fails with: DNS-error with the rcode of the answer, or
    /// DNS-timeout. No address at all is a DNS-error. Its time counts as connecting.
    pub fn new<F>(lookup: impl Fn(String) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Vec<IpAddr>, Fault>> + Send + 'static,
    {
        Resolver(Some(Arc::new(move |name| Box::pin(lookup(name)))))
    }

    async fn lookup(&self, name: String) -> Result<Vec<IpAddr>, Fault> {
        if let Some(lookup) = &self.0 {
            return lookup(name).await;
        }
        let found = tokio::net::lookup_host((name, 0)).await;
        let found = found.map_err(|error| Fault::DnsError {
            rcode: Some(error.to_string()),
        })?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(_) => "Resolver(own)",
            None => "Resolver(system)",
        })
    }
}

/// A resolver behind an egress policy. Hosts that are addresses never come here: they are judged with the request.
#[derive(Clone)]
pub(super) struct JudgedResolver {
    resolver: Resolver,
    policy: Arc<EgressPolicy>,
}

impl JudgedResolver {
    pub(super) fn new(resolver: Resolver, policy: Arc<EgressPolicy>) -> Self {
        JudgedResolver { resolver, policy }
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
        let JudgedResolver { resolver, policy } = self.clone();
        let call = Call::that_dials();
        Box::pin(async move {
            let found = resolver.lookup(name.as_str().to_owned()).await?;
            if let Some(call) = call {
                call.resolved();
            }
            judge(&policy, found)
        })
    }
}

/// Keeps the permitted addresses; no address at all is a failed lookup, none permitted is a refusal.
fn judge(
    policy: &EgressPolicy,
    found: Vec<IpAddr>,
) -> Result<std::vec::IntoIter<SocketAddr>, Fault> {
    if found.is_empty() {
        return Err(Fault::DnsError {
            rcode: Some("no address".to_owned()),
        });
    }
    let permitted: Vec<_> = found
        .into_iter()
        .filter(|address| policy.permits(*address))
        // Port 0 stands for "the request's": the connector puts it in.
        .map(|address| SocketAddr::new(address, 0))
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
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        let kept: Vec<_> = judge(&policy, vec![at("10.0.0.1"), at("1.1.1.1")])
            .unwrap()
            .collect();
        assert_eq!(kept, [SocketAddr::new(at("1.1.1.1"), 0)]);
        assert_eq!(
            judge(&policy, vec![at("10.0.0.1"), at("::1")]).err(),
            Some(Fault::DestinationIpProhibited)
        );
        assert!(matches!(
            judge(&policy, Vec::new()).err(),
            Some(Fault::DnsError { .. })
        ));
    }
}
