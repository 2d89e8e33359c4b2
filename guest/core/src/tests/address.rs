//! What `address` claims: no spelling of a private address or name is public, and public ones are.

use alloc::format;
use alloc::string::String;
use core::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

fn refuses(hosts: &[&str]) {
    for host in hosts {
        assert!(!is_public_host(host), "{host} is not public");
    }
}

fn lets_through(hosts: &[&str]) {
    for host in hosts {
        assert!(is_public_host(host), "{host} is public");
    }
}

#[test]
fn public_names_and_addresses_pass() {
    lets_through(&[
        "example.com",
        "example.com.",
        "EXAMPLE.com",
        "a",
        "xn--bcher-kva.example",
        "1.1.1.1.example",
        "127.0.0.1.example.com",
        "8.8.8.8",
        "1.1.1.1.",
        "134744072",
        "0x8.010.8.8",
        "8.526344",
        "[2606:4700:4700::1111]",
        "[2001:4860:4860::8888]",
        "[::ffff:8.8.8.8]",
        "[64:ff9b::8.8.8.8]",
        "[2002:808:808::1]",
    ]);
}

/// First and last address of each network of the IANA registry that is not globally reachable, and the public neighbours.
#[test]
fn each_network_of_the_ipv4_registry_is_refused_to_its_edges() {
    for (first, last) in [
        ("0.0.0.0", "0.255.255.255"),
        ("10.0.0.0", "10.255.255.255"),
        ("100.64.0.0", "100.127.255.255"),
        ("127.0.0.0", "127.255.255.255"),
        ("168.63.129.16", "168.63.129.16"),
        ("169.254.0.0", "169.254.255.255"),
        ("172.16.0.0", "172.31.255.255"),
        ("192.0.0.0", "192.0.0.255"),
        ("192.0.2.0", "192.0.2.255"),
        ("192.88.99.0", "192.88.99.255"),
        ("192.168.0.0", "192.168.255.255"),
        ("198.18.0.0", "198.19.255.255"),
        ("198.51.100.0", "198.51.100.255"),
        ("203.0.113.0", "203.0.113.255"),
        ("224.0.0.0", "255.255.255.255"),
    ] {
        refuses(&[first, last]);
        let number = |text: &str| u32::from(text.parse::<Ipv4Addr>().unwrap());
        let neighbours = [number(first).checked_sub(1), number(last).checked_add(1)];
        for neighbour in neighbours.into_iter().flatten() {
            lets_through(&[&format!("{}", Ipv4Addr::from(neighbour))]);
        }
    }
}

#[test]
fn metadata_services_are_refused() {
    refuses(&[
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "[fd00:ec2::254]",
        "[fd20:ce::254]",
        "metadata",
        "metadata.google.internal",
        "metadata.google.internal.",
        "instance-data",
        "instance-data.ec2.internal",
    ]);
}

#[test]
fn loopback_is_refused_in_every_spelling_of_ipv4() {
    refuses(&[
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "127.0.1",
        "127.1.",
        "2130706433",
        "2130706433.",
        "0x7f000001",
        "0X7F000001",
        "0x7f.1",
        "0x7f.0x0.0x0.0x1",
        "017700000001",
        "0177.0.0.1",
        "0177.0.0.01",
        "00000177.1",
        "0x0000000000000000007f.1",
        "127.0x1",
        "127.0x",
        "0",
        "0x",
        "0.0.0.0",
        "127.16777215",
    ]);
}

#[test]
fn what_ends_in_a_number_without_being_an_address_is_refused() {
    refuses(&[
        "256.256.256.256",
        "8.8.8.256",
        "8.8.256.8",
        "8.8.65536",
        "8.16777216",
        "4294967296",
        "8.8.8.8.8",
        "8..8",
        ".8",
        "08.8.8.8",
        "8.8.8.09",
        "example.1",
        "example.com.0x7f",
        "99999999999999999999999999",
        "0x99999999999999999999",
    ]);
    // 0x alone is 0, so this is 8.8.8.0.
    lets_through(&["8.8.8.0x"]);
    // No hexadecimal number, so a name.
    lets_through(&["8.8.8.0xg", "0x7f000001g", "1a"]);
}

#[test]
fn ipv6_outside_global_unicast_is_refused() {
    refuses(&[
        "[::]",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[0000::0001]",
        "[::2]",
        "[::7f00:1]",
        "[::8.8.8.8]",
        "[::ffff:0:8.8.8.8]",
        "[64:ff9b:1::8.8.8.8]",
        "[100::1]",
        "[100:0:0:1::1]",
        "[2001::1]",
        "[2001:0:808:808::f7f7:f7f7]",
        "[2001:2::1]",
        "[2001:10::1]",
        "[2001:1ff:ffff::1]",
        "[2001:db8::1]",
        "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]",
        "[3fff::1]",
        "[3fff:fff:ffff::1]",
        "[4000::1]",
        "[5f00::1]",
        "[fc00::1]",
        "[fd12:3456::1]",
        "[fe80::1]",
        "[febf::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]",
    ]);
    lets_through(&[
        "[2000::1]",
        "[2001:200::1]",
        "[2001:db7::1]",
        "[2001:db9::1]",
        "[3fff:1000::1]",
        "[2620:4f:8000::1]",
    ]);
}

#[test]
fn ipv4_inside_ipv6_has_no_leading_zero() {
    refuses(&["[::ffff:08.8.8.8]", "[::ffff:8.8.8.00]"]);
    lets_through(&["[::ffff:8.0.0.8]"]);
}

#[test]
fn a_private_ipv4_address_inside_ipv6_is_refused() {
    refuses(&[
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::FFFF:A9FE:A9FE]",
        "[0:0:0:0:0:ffff:10.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::a00:1]",
        "[2002:7f00:1::]",
        "[2002:c0a8:101::1]",
        "[2002:a9fe:a9fe::]",
        "[2001:0:7f00:1::]",
        "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
    ]);
}

#[test]
fn local_names_are_refused_in_any_case_and_with_a_trailing_dot() {
    for name in [
        "localhost",
        "localhost.localdomain",
        "ip6-localhost",
        "ip6-loopback",
        "printer.local",
        "vault.internal",
        "router.home.arpa",
        "wiki.intranet",
        "a.private",
        "a.corp",
        "a.home",
        "nas.lan",
    ] {
        refuses(&[
            name,
            &format!("{name}."),
            &format!("a.b.{name}"),
            &name.to_ascii_uppercase(),
        ]);
    }
    lets_through(&[
        "notlocalhost",
        "localhost.example",
        "local.example",
        "mylocal",
        "corp.example.com",
        "arpa",
        "in-addr.arpa",
        "origin.test",
    ]);
}

#[test]
fn what_is_no_host_is_not_public() {
    refuses(&[
        "",
        ".",
        "..",
        "example..",
        "[",
        "]",
        "[]",
        "[::1",
        "::1",
        "[::1%eth0]",
        "[fe80::1%25eth0]",
        "[v1.a]",
        "[127.0.0.1]",
        "[::1]:80",
        "example.com:80",
        "%31%32%37.1",
        "127%2e0.0.1",
        "\u{ff11}\u{ff12}\u{ff17}.1",
        "b\u{fc}cher.example",
        "a b",
        "a/b",
        "a@b",
        "\u{2460}",
    ]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(host in ".*", numbers in "[0-9a-fxX.:\\[\\]]{0,30}") {
        let _ = is_public_host(&host);
        let _ = is_public_host(&numbers);
    }

    #[test]
    fn every_spelling_of_an_address_is_judged_alike(address: u32, radix in proptest::array::uniform4(0..3_u8), parts in 1..=4_u32, dot: bool) {
        let public = is_public_host(&format!("{}", Ipv4Addr::from(address)));
        let mut text = String::new();
        let mut rest = address;
        for part in 0..parts {
            let last = part + 1 == parts;
            let left = 32 - 8 * part;
            let value = if last { rest } else { rest >> (left - 8) };
            rest = if last { 0 } else { rest & ((1_u64 << (left - 8)) - 1) as u32 };
            text += &match radix[part as usize] {
                0 => format!("{value}"),
                1 => format!("0{value:o}"),
                _ => format!("0x{value:X}"),
            };
            if !last || dot {
                text.push('.');
            }
        }
        prop_assert_eq!(is_public_host(&text), public, "{} is {}", text, Ipv4Addr::from(address));
        let [a, b, c, d] = address.to_be_bytes();
        let embedded = [
            format!("[::ffff:{a}.{b}.{c}.{d}]"),
            format!("[64:ff9b::{a}.{b}.{c}.{d}]"),
            format!("[2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1]"),
        ];
        for text in embedded {
            prop_assert_eq!(is_public_host(&text), public, "{}", text);
        }
    }

    /// `std` is the judge: of the texts it writes, and of texts that come near one.
    #[test]
    fn ipv6_is_read_as_std_reads_it(address: u128, mask: u128, odd in "[0-9a-f:.]{0,12}", at in 0..40_usize) {
        let address = Ipv6Addr::from(address & mask);
        let text = format!("{address}");
        let near = [text.get(..at).unwrap_or(&text), &odd, text.get(at..).unwrap_or_default()].concat();
        for text in [text, near, odd.clone(), format!("::{odd}"), format!("1:2:3:4:5:6:{odd}")] {
            let expected = text.parse::<Ipv6Addr>().ok().map(|address| address.segments());
            prop_assert_eq!(parse_v6(text.as_bytes()), expected, "{}", text);
        }
    }

    #[test]
    fn a_host_that_std_calls_local_is_never_public(address: u32) {
        let address = Ipv4Addr::from(address | 0x0a00_0000);
        let local = address.is_private() || address.is_loopback() || address.is_link_local() || address.is_multicast()
            || address.is_broadcast() || address.is_documentation() || address.is_unspecified();
        let text = format!("{address}");
        prop_assert!(!(local && is_public_host(&text)), "{}", text);
    }
}
