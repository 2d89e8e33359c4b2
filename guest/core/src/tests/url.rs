//! What `url` claims: the rules of semantics.md section 13, RFC 3986 section 5.4, and that nothing makes it panic; long because most of it is tables.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::policy::MAX_URL;

fn parsed(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) => url.as_str().to_string(),
        Err(error) => panic!("{text:?}: {error}"),
    }
}

fn refused(text: &str) -> UrlError {
    match Url::parse(text) {
        Ok(url) => panic!("{text:?} gave {url}"),
        Err(error) => error,
    }
}

fn resolved(base: &str, location: &[u8]) -> Result<String, UrlError> {
    let base = Url::parse(base).expect("the base is a URL");
    base.resolve(location, UrlLimits::default())
        .map(|url| url.as_str().to_string())
}

#[test]
fn a_url_is_split_as_a_transport_wants_it() {
    let url = Url::parse("HTTPS://Example.COM:8443/Path/a?Q=1#frag").unwrap();
    let text = "https://example.com:8443/Path/a?Q=1";
    assert_eq!(url.as_str(), text);
    assert_eq!(
        (format!("{url}"), format!("{url:?}")),
        (text.into(), text.into())
    );
    assert_eq!(url.scheme(), Scheme::Https);
    assert_eq!(url.host(), "example.com");
    assert_eq!(url.port(), 8443);
    assert_eq!(url.authority(), "example.com:8443");
    assert_eq!(url.origin(), "https://example.com:8443");
    assert_eq!(url.path_and_query(), "/Path/a?Q=1");

    let url = Url::parse("http://[2001:DB8::A]").unwrap();
    assert_eq!(url.host(), "[2001:db8::a]");
    assert_eq!(url.port(), 80);
    assert_eq!(url.authority(), "[2001:db8::a]");
    assert_eq!(url.origin(), "http://[2001:db8::a]");
    assert_eq!(url.path_and_query(), "/");
}

#[test]
fn the_path_is_at_least_a_slash_and_the_fragment_is_dropped() {
    assert_eq!(parsed("http://a"), "http://a/");
    assert_eq!(parsed("http://a?x"), "http://a/?x");
    assert_eq!(parsed("http://a?"), "http://a/?");
    assert_eq!(parsed("http://a#f"), "http://a/");
    assert_eq!(parsed("http://a/b#f?g/h"), "http://a/b");
    assert_eq!(parsed("http://a/b?c#"), "http://a/b?c");
    assert_eq!(
        parsed("http://a/b#a fragment nobody sends \u{e9}"),
        "http://a/b"
    );
}

#[test]
fn only_http_and_https_are_fetched_in_any_case() {
    assert_eq!(parsed("hTTp://a/"), "http://a/");
    for (text, shown) in [
        (
            "ftp://a/",
            "the scheme is ftp; only http and https are fetched",
        ),
        (
            "mailto:me@example.com",
            "the scheme is mailto; only http and https are fetched",
        ),
        (
            "localhost:8080/x",
            "the scheme is localhost; only http and https are fetched",
        ),
        (
            "file:///etc/pass wd",
            "the scheme is file; only http and https are fetched",
        ),
        (
            "httpss://a",
            "the scheme is httpss; only http and https are fetched",
        ),
        ("", "the URL has no scheme; only http and https are fetched"),
        (
            "//a/b",
            "the URL has no scheme; only http and https are fetched",
        ),
        (
            "example.com/",
            "the URL has no scheme; only http and https are fetched",
        ),
        (
            "/a b",
            "the URL has no scheme; only http and https are fetched",
        ),
    ] {
        assert_eq!(refused(text).to_string(), shown, "{text:?}");
    }
    let long = format!("{}:x", "y".repeat(500));
    assert_eq!(refused(&long), UrlError::Scheme("y".repeat(32)));
}

#[test]
fn a_host_is_required() {
    for text in [
        "http:",
        "http:/",
        "http:/a",
        "http://",
        "http:///a",
        "http://?q",
        "http://#f",
        "http://:80/",
        "http:a b",
    ] {
        assert_eq!(refused(text), UrlError::NoHost, "{text:?}");
    }
}

#[test]
fn the_default_port_is_left_out_and_zero_is_the_default() {
    for text in [
        "http://a:80/",
        "http://a:/",
        "http://a:0/",
        "http://a:00/",
        "http://a:0080/",
    ] {
        assert_eq!(parsed(text), "http://a/", "{text:?}");
        assert_eq!(Url::parse(text).unwrap().port(), 80);
    }
    for text in ["https://a:443/", "https://a:/", "https://a:0/"] {
        assert_eq!(parsed(text), "https://a/", "{text:?}");
        assert_eq!(Url::parse(text).unwrap().port(), 443);
    }
    assert_eq!(parsed("http://a:443/"), "http://a:443/");
    assert_eq!(parsed("https://a:00080/"), "https://a:80/");
    assert_eq!(parsed("https://[::1]:80/"), "https://[::1]:80/");
}

#[test]
fn ports_are_those_of_the_ranges() {
    for port in [80_u16, 81, 90, 440, 443, 450, 1024, 1025, 8080, 65_535] {
        assert_eq!(
            Url::parse(&format!("http://a:{port}/")).unwrap().port(),
            port
        );
    }
    for port in [1, 21, 22, 25, 79, 91, 439, 451, 591, 1023] {
        assert_eq!(
            refused(&format!("http://a:{port}/")),
            UrlError::Port(Some(port))
        );
    }
    for port in [
        "65536",
        "655360",
        "4294967376",
        "18446744073709551696",
        "b",
        "-1",
        "80:80",
        "8 0",
        "%38%30",
        "+80",
        "\u{661}",
    ] {
        assert_eq!(
            refused(&format!("http://a:{port}/")),
            UrlError::Port(None),
            "{port:?}"
        );
    }
    assert_eq!(
        UrlError::Port(Some(22)).to_string(),
        "the port is 22; only 80-90, 440-450 and 1024-65535 are fetched (set-url-limits)"
    );
}

#[test]
fn userinfo_is_refused() {
    for text in [
        "http://u@a/",
        "http://u:p@a/",
        "http://@a/",
        "http://u:p w@a/",
        "http://a@b@c/",
        "http://\u{e9}@a/",
        "http://a:80@b/",
    ] {
        assert_eq!(refused(text), UrlError::UserInfo, "{text:?}");
    }
    assert_eq!(parsed("http://a/u:p@b"), "http://a/u:p@b");
    assert_eq!(parsed("http://a?u@b"), "http://a/?u@b");
}

#[test]
fn a_host_is_ascii_letters_digits_hyphen_underscore_and_dot() {
    for text in [
        "http://a-b_c.d9/",
        "http://-a-/",
        "http://_dmarc.a/",
        "http://127.1/",
        "http://0x7f000001/",
        "http://a./",
        "http://1.2.3.4./",
    ] {
        assert_eq!(parsed(text), text);
    }
    for host in [
        "b\u{fc}cher.de",
        "%61",
        "a%00b",
        "a\\b",
        "a b",
        "a!b",
        "a$b",
        "a&b",
        "a'b",
        "(a)",
        "a*b",
        "a+b",
        "a,b",
        "a;b",
        "a=b",
        "a~b",
        "a^b",
        "a|b",
        "a`b",
        "{a}",
        "<a>",
        "a\"b",
        "a]",
        "a[1]",
        "..",
        ".",
        ".a",
        "a..b",
        "a..",
        "[",
        "[]",
        "[::1",
        "[::1]a",
        "[::1%eth0]",
        "[::1%25eth0]",
        "[v1.a]",
        "[1.2.3.4]",
        "[::1::]",
        "[:::1]",
        "[12345::]",
        "\u{ff10}",
        "a\u{3002}b",
        "\u{2488}",
    ] {
        for text in [
            format!("http://{host}/"),
            format!("http://{host}"),
            format!("http://{host}:80/\u{e9}"),
        ] {
            assert!(
                matches!(refused(&text), UrlError::Host(_)),
                "{text:?}: {:?}",
                refused(&text)
            );
        }
    }
    assert_eq!(refused("http://::1/"), UrlError::NoHost);
    assert_eq!(refused("http://a:b:c/"), UrlError::Port(None));
}

#[test]
fn a_host_that_is_not_ascii_is_told_its_other_form() {
    let told = refused("http://b\u{fc}cher.example/").to_string();
    assert!(told.contains("xn--"), "{told}");
}

#[test]
fn hosts_and_labels_have_the_length_of_the_dns() {
    let label = "a".repeat(63);
    assert!(Url::parse(&format!("http://{label}/")).is_ok());
    assert!(matches!(
        refused(&format!("http://{label}a/")),
        UrlError::Host(_)
    ));
    let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    assert_eq!(longest.len(), 253);
    assert!(Url::parse(&format!("http://{longest}/")).is_ok());
    assert_eq!(
        Url::parse(&format!("http://{longest}.:65535/"))
            .unwrap()
            .port(),
        65_535
    );
    assert!(matches!(
        refused(&format!("http://{longest}a/")),
        UrlError::Host(_)
    ));
}

#[test]
fn control_bytes_are_refused_wherever_they_stand() {
    for byte in (0..0x20_u8).chain([0x7f]) {
        let control = char::from(byte);
        for text in [
            format!("{control}http://a/"),
            format!("ht{control}tp://a/"),
            format!("http:/{control}/a/"),
            format!("http://a{control}b/"),
            format!("http://a:8{control}0/"),
            format!("http://a/{control}"),
            format!("http://a/?{control}"),
            format!("http://a/#{control}"),
        ] {
            assert_eq!(refused(&text), UrlError::Control, "{text:?}");
        }
        assert_eq!(
            resolved("http://a/", &[b'/', byte, b'/']),
            Err(UrlError::Control)
        );
    }
}

#[test]
fn what_may_not_stand_in_path_and_query_is_percent_encoded() {
    assert_eq!(parsed("http://a/b c?d e"), "http://a/b%20c?d%20e");
    assert_eq!(
        parsed("http://a/\u{e9}?\u{20ac}\u{1f980}"),
        "http://a/%C3%A9?%E2%82%AC%F0%9F%A6%80"
    );
    assert_eq!(
        parsed("http://a/\"<>\\^`{|}[]?\"<>\\^`{|}[]"),
        "http://a/%22%3C%3E%5C%5E%60%7B%7C%7D%5B%5D?%22%3C%3E%5C%5E%60%7B%7C%7D%5B%5D"
    );
    assert_eq!(parsed("http://a/\u{85}\u{a0}"), "http://a/%C2%85%C2%A0");
    // Everything that RFC 3986 allows stays.
    let allowed = "http://a/az-AZ.09_~!$&'()*+,;=:@/%41?az-AZ.09_~!$&'()*+,;=:@/?%41";
    assert_eq!(parsed(allowed), allowed);
    assert_eq!(parsed(&format!("{allowed} ")), format!("{allowed}%20"));
}

#[test]
fn escapes_stay_byte_by_byte_and_a_lone_percent_is_encoded() {
    for text in ["http://a/%41%7e%2F%2f%00%ff?%2b%2B", "http://a/%2e%2E/%2e."] {
        assert_eq!(parsed(text), text);
        assert_eq!(parsed(&format!("{text} ")), format!("{text}%20"));
    }
    assert_eq!(parsed("http://a/100%"), "http://a/100%25");
    assert_eq!(parsed("http://a/%4"), "http://a/%254");
    assert_eq!(parsed("http://a/%g1%%41%zz"), "http://a/%25g1%25%41%25zz");
    assert_eq!(parsed("http://a/%?%#%"), "http://a/%25?%25");
}

#[test]
fn the_path_as_given_keeps_its_dot_segments() {
    for text in [
        "http://a/b/../c/./d",
        "http://a/..",
        "http://a//b///",
        "http://a/./",
    ] {
        assert_eq!(parsed(text), text);
    }
}

#[test]
fn every_port_from_1_is_read_where_the_limits_say_so() {
    let limits = UrlLimits {
        any_port: true,
        ..UrlLimits::default()
    };
    for (port, read) in [
        (1, 1),
        (22, 22),
        (591, 591),
        (0, 80),
        (80, 80),
        (8080, 8080),
    ] {
        let url = Url::parse_within(limits, &format!("http://a:{port}/")).unwrap();
        assert_eq!(url.port(), read);
    }
    let base = Url::parse("http://a/").unwrap();
    assert_eq!(base.resolve(b"//b:22/", limits).unwrap().port(), 22);
    let beyond = Url::parse_within(limits, "http://a:65536/");
    assert_eq!(beyond, Err(UrlError::Port(None)));
}

#[test]
fn length_is_measured_on_the_text_as_given() {
    let fits = format!("http://a/{}", "b".repeat(MAX_URL - 9));
    assert_eq!(parsed(&fits), fits);
    assert_eq!(refused(&format!("{fits}b")), UrlError::TooLong(MAX_URL));
    let grows = format!("http://a/{}", " ".repeat(MAX_URL - 9));
    assert_eq!(parsed(&grows).len(), 9 + 3 * (MAX_URL - 9));
}

#[test]
fn length_of_a_location_is_measured_on_the_result() {
    let fill = "b".repeat(MAX_URL - 9);
    assert_eq!(
        resolved("http://a/x/y", format!("/{fill}").as_bytes())
            .unwrap()
            .len(),
        MAX_URL
    );
    assert_eq!(
        resolved("http://a/x/y", fill.as_bytes()),
        Err(UrlError::TooLong(MAX_URL))
    );
    assert_eq!(
        resolved("http://a/", format!("/b{fill}").as_bytes()),
        Err(UrlError::TooLong(MAX_URL))
    );
    assert!(resolved("http://a/", format!("/b/../{fill}#{fill}").as_bytes()).is_ok());
    assert_eq!(
        resolved(
            "http://a/",
            " ".repeat(5_000).replace(' ', "\u{e9}").as_bytes()
        ),
        Err(UrlError::TooLong(MAX_URL))
    );
}

/// RFC 3986 sections 5.4.1 and 5.4.2. Empty paths are written as `/` and fragments dropped, as ever.
#[test]
fn a_location_resolves_as_rfc_3986_section_5_4_has_it() {
    for (reference, target) in [
        ("g", "http://a/b/c/g"),
        ("./g", "http://a/b/c/g"),
        ("g/", "http://a/b/c/g/"),
        ("/g", "http://a/g"),
        ("//g", "http://g/"),
        ("?y", "http://a/b/c/d;p?y"),
        ("g?y", "http://a/b/c/g?y"),
        ("#s", "http://a/b/c/d;p?q"),
        ("g#s", "http://a/b/c/g"),
        ("g?y#s", "http://a/b/c/g?y"),
        (";x", "http://a/b/c/;x"),
        ("g;x", "http://a/b/c/g;x"),
        ("g;x?y#s", "http://a/b/c/g;x?y"),
        ("", "http://a/b/c/d;p?q"),
        (".", "http://a/b/c/"),
        ("./", "http://a/b/c/"),
        ("..", "http://a/b/"),
        ("../", "http://a/b/"),
        ("../g", "http://a/b/g"),
        ("../..", "http://a/"),
        ("../../", "http://a/"),
        ("../../g", "http://a/g"),
        ("../../../g", "http://a/g"),
        ("../../../../g", "http://a/g"),
        ("/./g", "http://a/g"),
        ("/../g", "http://a/g"),
        ("g.", "http://a/b/c/g."),
        (".g", "http://a/b/c/.g"),
        ("g..", "http://a/b/c/g.."),
        ("..g", "http://a/b/c/..g"),
        ("./../g", "http://a/b/g"),
        ("./g/.", "http://a/b/c/g/"),
        ("g/./h", "http://a/b/c/g/h"),
        ("g/../h", "http://a/b/c/h"),
        ("g;x=1/./y", "http://a/b/c/g;x=1/y"),
        ("g;x=1/../y", "http://a/b/c/y"),
        ("g?y/./x", "http://a/b/c/g?y/./x"),
        ("g?y/../x", "http://a/b/c/g?y/../x"),
        ("g#s/./x", "http://a/b/c/g"),
        ("g#s/../x", "http://a/b/c/g"),
    ] {
        assert_eq!(
            resolved("http://a/b/c/d;p?q", reference.as_bytes()).as_deref(),
            Ok(target),
            "{reference:?}"
        );
    }
    assert_eq!(
        resolved("http://a/b/c/d;p?q", b"g:h"),
        Err(UrlError::Scheme("g".into()))
    );
    // The strict reading: a scheme makes the reference absolute, and an absolute one needs a host.
    assert_eq!(
        resolved("http://a/b/c/d;p?q", b"http:g"),
        Err(UrlError::NoHost)
    );
}

#[test]
fn dot_segments_of_both_sides_are_removed_where_a_location_has_a_path() {
    for (base, reference, target) in [
        ("http://a", "g", "http://a/g"),
        ("http://a?q", "g", "http://a/g"),
        ("http://a/x?q/r", "g", "http://a/g"),
        ("http://a/x/../y/z", "g", "http://a/y/g"),
        ("http://a/x/../y/z", "?n", "http://a/x/../y/z?n"),
        ("http://a/x/../y/z?o", "", "http://a/x/../y/z?o"),
        ("http://a/b//c", "../g", "http://a/b/g"),
        ("http://a/b/", "..//g", "http://a//g"),
        ("http://a/b", "/x//../y", "http://a/x/y"),
        ("http://a/b", "https://B:443/c/../d/.", "https://b/d/"),
        ("http://a/b", "//B:80/../c", "http://b/c"),
        ("https://a/b", "//b:80", "https://b:80/"),
        ("https://a:8443/b", "/c", "https://a:8443/c"),
        ("https://[::1]:8443/b", "c", "https://[::1]:8443/c"),
        ("http://a/b", "/%2e%2E/c", "http://a/%2e%2E/c"),
        ("http://a/b", "///c", "no host"),
        ("http://a/b", "//", "no host"),
    ] {
        match resolved(base, reference.as_bytes()) {
            Ok(url) => assert_eq!(url, target, "{base} {reference}"),
            Err(error) => assert_eq!(
                (error, target),
                (UrlError::NoHost, "no host"),
                "{base} {reference}"
            ),
        }
    }
}

#[test]
fn every_rule_holds_for_a_location_too() {
    let fails = |location: &str| resolved("http://a/b", location.as_bytes()).expect_err(location);
    assert_eq!(fails("ftp://a/"), UrlError::Scheme("ftp".into()));
    assert_eq!(
        fails("javascript:alert(1)"),
        UrlError::Scheme("javascript".into())
    );
    assert_eq!(fails("//a:22/"), UrlError::Port(Some(22)));
    assert_eq!(fails("//a:x/"), UrlError::Port(None));
    assert_eq!(fails("//u:p@a/"), UrlError::UserInfo);
    assert_eq!(fails("https://u@a/\u{e9}"), UrlError::UserInfo);
    assert!(matches!(fails("//b\u{e9}/"), UrlError::Host(_)));
    assert!(matches!(fails("http://%61/"), UrlError::Host(_)));
    assert!(matches!(fails("http:\\\\a/"), UrlError::NoHost));
    assert!(matches!(fails("//a\\b/"), UrlError::Host(_)));
    // A colon in the first segment of a relative path: the grammar has no reading for it (RFC 3986 section 4.2).
    assert_eq!(fails("1:2"), UrlError::Syntax);
    assert_eq!(fails(":"), UrlError::Syntax);
}

#[test]
fn bytes_of_a_location_outside_ascii_are_encoded_as_they_are() {
    assert_eq!(
        resolved("http://a/b/c", b"\xe9?\xff").as_deref(),
        Ok("http://a/b/%E9?%FF")
    );
    assert_eq!(
        resolved("http://a/b/c", "/\u{e9}".as_bytes()).as_deref(),
        Ok("http://a/%C3%A9")
    );
    assert_eq!(
        resolved("http://a/", b"http://b/\x80#\x81").as_deref(),
        Ok("http://b/%80")
    );
    assert!(matches!(
        resolved("http://a/", b"http://\xe9/"),
        Err(UrlError::Host(_))
    ));
    assert_eq!(resolved("http://a/", b"\xe9:b"), Err(UrlError::Syntax));
}

#[test]
fn whitespace_around_a_location_is_not_part_of_it() {
    assert_eq!(
        resolved("http://a/b", b" \t/c\t ").as_deref(),
        Ok("http://a/c")
    );
    assert_eq!(resolved("http://a/b", b" ").as_deref(), Ok("http://a/b"));
    assert_eq!(resolved("http://a/b", b"/c\td"), Err(UrlError::Control));
}

#[test]
fn same_document_compares_host_and_port_as_text_and_paths_decoded() {
    assert!(same_document(
        "http://app.example:8080/a",
        "app.example:8080",
        "/a"
    ));
    assert!(same_document(
        "https://app.example:8080/a?x=1#f",
        "app.example:8080",
        "/a"
    ));
    assert!(same_document("http://app/", "app", ""));
    assert!(same_document("http://app", "app", "/"));
    assert!(same_document("http://app?x", "app", ""));
    assert!(same_document("http://app/%61%2fb", "app", "/a/b"));
    assert!(same_document("http://app/a b\u{e9}", "app", "/a%20b%c3%a9"));
    assert!(same_document("http://app/100%", "app", "/100%25"));
    assert!(same_document("http://app/a", "app", "/a?x=2"));

    assert!(!same_document("http://app/a", "app", "/b"));
    assert!(!same_document("http://app/a", "app", "/a/"));
    assert!(!same_document("http://app/a", "other", "/a"));
    assert!(
        !same_document("http://app:80/a", "app", "/a"),
        "plain text: another spelling is another host"
    );
    assert!(
        !same_document("http://App/a", "app", "/a"),
        "plain text: another spelling is another host"
    );
    assert!(!same_document("ftp://app/a", "app", "/a"));
    assert!(!same_document("app/a", "app", "/a"));
    assert!(!same_document("", "", ""));
}

#[test]
fn errors_are_one_clause_each() {
    for error in [
        UrlError::TooLong(MAX_URL),
        UrlError::Scheme("ftp".into()),
        UrlError::Scheme(String::new()),
        UrlError::NoHost,
        UrlError::Port(None),
        UrlError::Port(Some(22)),
        UrlError::UserInfo,
        EMPTY_LABEL,
        NOT_ASCII,
        UrlError::Control,
        UrlError::Syntax,
    ] {
        let text = error.to_string();
        assert!(
            text.starts_with("the ") && !text.ends_with('.') && !text.contains('\n'),
            "{text}"
        );
    }
}

/// What a URL promises, whatever it was made from.
fn keeps_its_promise(url: &Url) -> Result<(), TestCaseError> {
    let text = url.as_str();
    prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?}");
    prop_assert!(!text.contains('#'));
    prop_assert_eq!(format!("{}{}", url.origin(), url.path_and_query()), text);
    prop_assert_eq!(
        url.origin(),
        format!("{}{}", url.scheme().prefix(), url.authority())
    );
    prop_assert!(url.path_and_query().starts_with('/'));
    let port = url.authority().strip_prefix(url.host()).unwrap();
    let port = port
        .strip_prefix(':')
        .map_or(url.scheme().default_port(), |port| port.parse().unwrap());
    prop_assert_eq!(url.port(), port);
    if text.len() <= MAX_URL {
        prop_assert_eq!(Url::parse(text), Ok(url.clone()), "reads back as itself");
        prop_assert_eq!(
            url.resolve(b"", UrlLimits::default()),
            Ok(url.clone()),
            "the empty reference is the URL itself"
        );
    }
    Ok(())
}

/// Text that comes near a URL often enough to get past the first check.
fn near_url() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::sample::select(
            [
                "http",
                "https",
                ":",
                "//",
                "/",
                "?",
                "#",
                "@",
                "[",
                "]",
                "::1",
                "a",
                "B.c",
                ".",
                "..",
                "%",
                "%41",
                "%2e",
                ":80",
                ":0",
                ":22",
                "\\",
                " ",
                "\t",
                "\u{e9}",
                "127.0.0.1",
                ";",
                "=",
                "&",
                "{",
                "http://a",
                "https://b:8443/c/../d?e",
            ]
            .as_slice()
        )
        .prop_map(|text| text.as_bytes().to_vec()),
        any::<u8>().prop_map(|byte| [byte].to_vec()),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics_and_what_parses_keeps_its_promise(bytes in near_url()) {
        let text = String::from_utf8_lossy(&bytes);
        if let Ok(url) = Url::parse(&text) {
            keeps_its_promise(&url)?;
        }
        if let Ok(url) = Url::parse(&format!("http://a/{text}")) {
            keeps_its_promise(&url)?;
        }
    }

    #[test]
    fn no_location_panics_and_what_resolves_keeps_its_promise(base in near_url(), location in near_url()) {
        let base = Url::parse(&String::from_utf8_lossy(&base)).or_else(|_| Url::parse("http://a/b/c/d;p?q")).unwrap();
        if let Ok(url) = base.resolve(&location, UrlLimits::default()) {
            keeps_its_promise(&url)?;
        }
    }

    /// `fluent-uri` is the judge: what follows RFC 3986 keeps its path and query to the byte, and what does not is mended or named.
    #[test]
    fn urls_are_read_as_rfc_3986_reads_them(bytes in near_url()) {
        let text = String::from_utf8_lossy(&bytes);
        let read = Url::parse(&text);
        match (fluent_uri::Uri::parse(&*text), &read) {
            (Ok(uri), Ok(url)) => {
                let authority = uri.authority().unwrap();
                prop_assert!(url.host().eq_ignore_ascii_case(authority.host()));
                prop_assert!(url.scheme().prefix()[..uri.scheme().as_str().len()].eq_ignore_ascii_case(uri.scheme().as_str()));
                let path = Some(uri.path().as_str()).filter(|path| !path.is_empty()).unwrap_or("/");
                let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
                prop_assert_eq!(url.path_and_query(), format!("{path}{query}"));
            }
            // A rule of ours, stricter than the syntax.
            (Ok(_), Err(error)) => prop_assert!(!matches!(error, UrlError::Syntax | UrlError::Control)),
            (Err(_), Ok(url)) => prop_assert!(fluent_uri::Uri::parse(url.as_str()).is_ok()),
            (Err(_), Err(_)) => {}
        }
    }

    #[test]
    fn locations_are_resolved_as_rfc_3986_resolves_them(location in near_url()) {
        const BASE: &str = "http://a/b/c/d;p?q";
        let text = String::from_utf8_lossy(&location);
        // The judge takes an escaped dot for a dot.
        prop_assume!(!text.to_ascii_lowercase().contains("%2e"));
        let reference = fluent_uri::UriRef::parse(&*text);
        if let (Ok(reference), Ok(url)) = (reference, resolved(BASE, text.as_bytes())) {
            let target = reference.resolve_against(&fluent_uri::Uri::parse(BASE).unwrap()).unwrap();
            prop_assert_eq!(url, parsed(target.as_str()));
        }
    }

    #[test]
    fn same_document_never_panics(url in near_url(), authority in ".*", path in ".*") {
        let _ = same_document(&String::from_utf8_lossy(&url), &authority, &path);
    }

    #[test]
    fn a_document_is_the_same_as_itself(path in "/[^?#\\x00-\\x1f\\x7f]{0,40}") {
        let url = format!("http://a{path}?x#y");
        prop_assert!(same_document(&url, "a", &path));
    }
}
