//! One entry of a list of networks that are never connected to.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network in CIDR form, or everything that is not public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockedNetwork {
    /// `private`: loopback, private, link-local, shared, multicast, reserved and documentation ranges of both families; cloud
    /// metadata services live among them.
    Private,
    /// `10.0.0.0/8`, `fd00::/8`, or one address.
    Cidr(IpNet),
}

/// The text is neither `private` nor a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither `private` nor a network such as 10.0.0.0/8")]
pub struct BlockedNetworkError(String);

impl FromStr for BlockedNetwork {
    type Err = BlockedNetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "private" {
            return Ok(BlockedNetwork::Private);
        }
        text.parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map(BlockedNetwork::Cidr)
            .map_err(|_| BlockedNetworkError(text.to_owned()))
    }
}

impl BlockedNetwork {
    /// Whether the address, or the IPv4 address that it carries inside, belongs to the network.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let carried = match address {
            IpAddr::V6(v6) => carried_v4(v6).map(IpAddr::V4),
            IpAddr::V4(_) => None,
        };
        [Some(address), carried]
            .into_iter()
            .flatten()
            .any(|address| match self {
                BlockedNetwork::Cidr(network) => network.contains(&address),
                BlockedNetwork::Private => !is_public(address),
            })
    }
}

/// The IPv4 address that packets to this IPv6 address end at: mapped, NAT64 (64:ff9b::/96), 6to4 (2002::/16).
fn carried_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = v6.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match s {
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] if high != 0 => Some(v4(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => v6.to_ipv4_mapped(),
    }
}

/// The IANA special-purpose registries, as far as stable Rust does not know them.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            !(a == 0
                || v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_documentation()
                || v4.is_multicast()
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 192 && b == 88 && c == 99)
                || (a == 198 && (18..20).contains(&b))
                // Public by number, and yet a cloud's own: it answers from inside the virtual machine's host.
                || [a, b, c, d] == [168, 63, 129, 16])
        }
        IpAddr::V6(v6) => {
            let s = v6.segments();
            // As public as the IPv4 address inside, which is judged beside it.
            let carries = v6.to_ipv4_mapped().is_some() || s[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
            let is_global_unicast = (s[0] & 0xe000) == 0x2000;
            let is_special = (s[0] == 0x2001 && (s[1] < 0x200 || s[1] == 0xdb8))
                || (s[0] == 0x3fff && s[1] < 0x1000);
            carries || (is_global_unicast && !is_special)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_means_every_range_that_is_not_public() {
        let private = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.0.1",
            "192.0.2.1",
            "198.19.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:a00:1::",
            "fc00::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "::10.0.0.1",
            "::8.8.8.8",
            "::ffff:0:7f00:1",
            "64:ff9b:1::7f00:1",
            "100::1",
            "2001::7f00:1",
            "2002:a9fe:a9fe::",
            "4000::1",
            "5f00::1",
            "168.63.129.16",
            "192.88.99.1",
        ];
        for text in private {
            assert!(
                BlockedNetwork::Private.contains(text.parse().unwrap()),
                "{text}"
            );
        }
        for text in [
            "1.1.1.1",
            "100.128.0.1",
            "172.32.0.1",
            "198.20.0.1",
            "2606:4700::1111",
            "64:ff9b::101:101",
            "::ffff:8.8.8.8",
        ] {
            assert!(
                !BlockedNetwork::Private.contains(text.parse().unwrap()),
                "{text}"
            );
        }
    }

    #[test]
    fn a_cidr_blocks_its_own_addresses_also_when_mapped() {
        let network: BlockedNetwork = "8.8.0.0/16".parse().unwrap();
        assert!(network.contains("8.8.4.4".parse().unwrap()));
        assert!(network.contains("::ffff:8.8.4.4".parse().unwrap()));
        assert!(!network.contains("8.9.0.1".parse().unwrap()));
        assert!(
            "8.8.8.8"
                .parse::<BlockedNetwork>()
                .unwrap()
                .contains("8.8.8.8".parse().unwrap())
        );
        assert!("everything".parse::<BlockedNetwork>().is_err());
    }
}
