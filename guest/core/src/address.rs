//! Which hosts are public: literal addresses in every spelling, and the names that stand for a private place.
//!
//! This is the guest's half of the defence against requests forged through us (SSRF). A name whose DNS answer is a private address
//! passes here: only the host sees what a name resolves to.

use crate::text::{cut, number};

#[cfg(test)]
#[path = "tests/address.rs"]
mod tests;

/// Networks that are not globally reachable: address and length of the prefix (IANA IPv4 Special-Purpose Address Registry; multicast
/// by RFC 5771).
const NOT_PUBLIC_V4: [(u32, u32); 16] = [
    (v4(0, 0, 0, 0), 8),        // this network
    (v4(10, 0, 0, 0), 8),       // private use
    (v4(100, 64, 0, 0), 10),    // shared by carriers; a cloud's metadata service lives there
    (v4(127, 0, 0, 0), 8),      // loopback
    (v4(168, 63, 129, 16), 32), // in no registry: Azure's platform endpoint, the same address in every virtual network
    (v4(169, 254, 0, 0), 16),   // link-local, and the metadata service of most clouds
    (v4(172, 16, 0, 0), 12),    // private use
    (v4(192, 0, 0, 0), 24),     // IETF protocol assignments; a cloud's metadata service lives there
    (v4(192, 0, 2, 0), 24),     // documentation
    (v4(192, 88, 99, 0), 24),   // the former 6to4 relays
    (v4(192, 168, 0, 0), 16),   // private use
    (v4(198, 18, 0, 0), 15),    // benchmarks
    (v4(198, 51, 100, 0), 24),  // documentation
    (v4(203, 0, 113, 0), 24),   // documentation
    (v4(224, 0, 0, 0), 4),      // multicast
    (v4(240, 0, 0, 0), 4),      // reserved, and broadcast
];

/// Names that no public DNS answers for: each of them, and whatever ends in it.
const NOT_PUBLIC_NAMES: [&[u8]; 14] = [
    b"localhost",   // RFC 6761 section 6.3
    b"localdomain", // localhost.localdomain of many hosts files
    b"ip6-localhost",
    b"ip6-loopback",
    b"local",     // RFC 6762: the local link
    b"internal",  // reserved for private use by ICANN in 2024; metadata.google.internal is one
    b"home.arpa", // RFC 8375
    b"intranet", // this one and the next four: RFC 6762 appendix G, top-level names in use on private networks
    b"private",
    b"corp",
    b"home",
    b"lan",
    b"metadata", // this one and the next: single names that clouds resolve to their metadata service
    b"instance-data",
];

const fn v4(a: u8, b: u8, c: u8, d: u8) -> u32 {
    u32::from_be_bytes([a, b, c, d])
}

/// Whether `host`, as [`crate::url::Url::host`] gives it, may be on the public internet. False for every address that the IANA
/// special-purpose registries call not globally reachable, for the names that stand for such a place, and for what is no host.
///
/// An IPv4 address is recognised in every spelling of the WHATWG URL standard (section 3.5, "ends in a number"): decimal, octal and
/// hexadecimal, one to four parts, a trailing dot. What ends in a number without being an address is not public.
pub fn is_public_host(host: &str) -> bool {
    if let [b'[', literal @ ..] = host.as_bytes() {
        let address = literal.strip_suffix(b"]").and_then(parse_v6);
        return address.is_some_and(is_public_v6);
    }
    let name = host.as_bytes();
    let name = name.strip_suffix(b".").unwrap_or(name);
    if !name
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    {
        return false;
    }
    let Some(last) = name
        .rsplit(|&byte| byte == b'.')
        .next()
        .filter(|last| !last.is_empty())
    else {
        return false;
    };
    if last.iter().all(u8::is_ascii_digit) || number_v4(last).is_some() {
        return parse_v4(name).is_some_and(is_public_v4);
    }
    !NOT_PUBLIC_NAMES
        .iter()
        .any(|suffix| is_or_is_under(name, suffix))
}

fn is_or_is_under(name: &[u8], suffix: &[u8]) -> bool {
    let split = name
        .len()
        .checked_sub(suffix.len())
        .and_then(|at| name.split_at_checked(at));
    split.is_some_and(|(above, tail)| {
        tail.eq_ignore_ascii_case(suffix) && (above.is_empty() || above.ends_with(b"."))
    })
}

/// The IPv4 parser of the WHATWG URL standard: every part but the last is one byte, the last one fills what is left.
fn parse_v4(name: &[u8]) -> Option<u32> {
    let mut address: u64 = 0;
    let mut bits = 32;
    let mut rest = name;
    loop {
        let (part, after) = cut(rest, b".");
        let value = number_v4(part)?;
        let [_, after @ ..] = after else {
            let fits = value >> bits == 0;
            return fits.then_some((address | value) as u32);
        };
        rest = after;
        bits -= 8;
        if bits == 0 || value > 0xff {
            return None;
        }
        address |= value << bits;
    }
}

/// A part of an IPv4 address: `0x` begins a hexadecimal number and alone is 0, another leading zero an octal one. Saturates, because
/// a number that is too large is still a number.
fn number_v4(part: &[u8]) -> Option<u64> {
    match part {
        b"0" | b"0x" | b"0X" => Some(0),
        [b'0', b'x' | b'X', digits @ ..] => number(digits, 16),
        [b'0', digits @ ..] => number(digits, 8),
        digits => number(digits, 10),
    }
}

/// The eight groups of an IPv6 address, as text of RFC 4291 section 2.2 without zone.
pub(crate) fn parse_v6(text: &[u8]) -> Option<[u16; 8]> {
    let mut groups = [0; 8];
    let mut count = 0;
    // Where `::` stands, for one zero or more.
    let mut gap = None;
    let mut rest = text;
    if let [b':', b':', after @ ..] = rest {
        gap = Some(0);
        rest = after;
    }
    while !rest.is_empty() {
        let (group, after) = cut(rest, b":");
        if after.is_empty() && group.contains(&b'.') {
            let address = parse_dotted(group)?;
            *groups.get_mut(count)? = (address >> 16) as u16;
            *groups.get_mut(count + 1)? = address as u16;
            count += 2;
            break;
        }
        if group.len() > 4 {
            return None;
        }
        *groups.get_mut(count)? = number(group, 16)? as u16;
        count += 1;
        rest = match after {
            [] => after,
            [b':', b':', after @ ..] if gap.is_none() => {
                gap = Some(count);
                after
            }
            [b':', after @ ..] if !after.is_empty() => after,
            _ => return None,
        };
    }
    match gap {
        None => (count == 8).then_some(groups),
        Some(gap) => {
            // What stands behind the gap goes to the end.
            let zeros = 8_usize.checked_sub(count).filter(|zeros| *zeros > 0)?;
            for place in (gap..count).rev() {
                groups.swap(place, place + zeros);
            }
            Some(groups)
        }
    }
}

/// An IPv4 address of four decimal numbers, the only form that RFC 4291 has inside of IPv6.
fn parse_dotted(text: &[u8]) -> Option<u32> {
    let mut address = 0;
    let mut parts = 0;
    for part in text.split(|&byte| byte == b'.') {
        let value = number(part, 10).filter(|value| *value <= 0xff)?;
        if part.len() > 1 && part.starts_with(b"0") {
            return None;
        }
        address = address << 8 | value as u32;
        parts += 1;
    }
    (parts == 4).then_some(address)
}

fn is_public_v4(address: u32) -> bool {
    !NOT_PUBLIC_V4
        .iter()
        .any(|(network, prefix)| (address ^ network) >> (32 - prefix) == 0)
}

/// Judges by the one block that is assigned for global unicast, 2000::/3, less what the IANA IPv6 Special-Purpose Address Registry
/// takes out of it. So loopback, unique local, link-local, site-local, multicast, IPv4-compatible and every block not yet assigned
/// need no line of their own. Forms that a network turns into IPv4 count as the IPv4 address inside.
fn is_public_v6(groups: [u16; 8]) -> bool {
    let [a, b, c, d, e, f, high, low] = groups;
    let pair = |high: u16, low: u16| u32::from(high) << 16 | u32::from(low);
    match (a, b, c, d, e, f) {
        // IPv4-mapped (RFC 4291 section 2.5.5.2), and NAT64 by its well-known prefix (RFC 6052).
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => is_public_v4(pair(high, low)),
        // 6to4 (RFC 3056).
        (0x2002, ..) => is_public_v4(pair(b, c)),
        // IETF protocol assignments, 2001::/23: Teredo (which wraps IPv4 too), benchmarks, ORCHID.
        (0x2001, 0..0x200, ..) => false,
        // Documentation (RFC 3849, RFC 9637).
        (0x2001, 0xdb8, ..) | (0x3fff, 0..0x1000, ..) => false,
        (0x2000..0x4000, ..) => true,
        _ => false,
    }
}
