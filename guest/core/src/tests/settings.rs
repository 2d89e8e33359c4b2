//! A client's settings: which values have a meaning, what sealing does, and which origins may be fetched.
use super::scenario::*;
use crate::{ErrorKind, Policy, policy};

/// Every setter refuses what has no meaning, and then the old value stays.
#[test]
fn settings_without_meaning_are_refused_and_change_nothing() {
    type Change = fn(&mut Policy) -> Result<(), ErrorKind>;
    let changes: [Change; 19] = [
        |policy| policy.set_default_deadline(Some(0.0)),
        |policy| policy.set_default_deadline(Some(f64::NAN)),
        |policy| policy.set_maximum_deadline(-1.0),
        |policy| policy.set_maximum_deadline(f64::INFINITY),
        |policy| policy.set_max_in_flight(0, 1),
        |policy| policy.set_max_in_flight(1, 0),
        |policy| policy.set_max_in_flight(10_001, 1),
        |policy| policy.set_max_in_flight(1, 10_001),
        |policy| policy.set_max_redirects(101),
        |policy| policy.set_max_response(0),
        |policy| policy.set_max_response((1 << 30) + 1),
        |policy| policy.set_url_limits(0, false),
        |policy| policy.set_url_limits(20_481, true),
        |policy| policy.set_user_agent(Some("a\r\nb".into())),
        |policy| policy.set_user_agent(Some("caf\u{e9}".into())),
        |policy| policy.set_user_agent(Some("a".repeat(policy::MAX_USER_AGENT + 1))),
        |policy| policy.set_allowed_origins(&["https://a.example".into(), "a.example".into()]),
        |policy| policy.set_allowed_origins(&["https://a.example/path".into()]),
        |policy| policy.set_allowed_origins(&["ftp://a.example".into()]),
    ];
    let mut program = Program::new();
    let before = format!("{:?}", program.service.policy(program.client));
    for mut change in changes {
        assert_eq!(
            program.service.set_policy(program.client, &mut change),
            Err(ErrorKind::InvalidArgument)
        );
        assert_eq!(
            format!("{:?}", program.service.policy(program.client)),
            before
        );
    }
}

#[test]
fn a_sealed_client_refuses_every_setting_with_misuse() {
    let mut program = Program::new();
    program.service.seal(program.client);
    program.service.seal(program.client);
    let changed = program.service.set_policy(program.client, &mut |_| {
        unreachable!("it is not even asked")
    });
    assert_eq!(changed, Err(ErrorKind::Misuse));
    assert_eq!(
        program.create_with(Some(1.0)).index(),
        0,
        "fetching goes on"
    );
}

#[test]
fn allowed_origins_are_scheme_host_and_port_or_every_name_below() {
    let allowed = |origins: &[&str], url: &str| {
        let origins: Vec<String> = origins.iter().map(|origin| (*origin).into()).collect();
        let mut program = Program::new()
            .origin(url, answer(200))
            .policy(|policy| policy.set_allowed_origins(&origins));
        program.fetch(get(url)).is_ok()
    };
    let one = ["https://a.example", "http://b.example:8080"];
    assert!(allowed(&one, "https://a.example/x?y"));
    assert!(allowed(&one, "http://b.example:8080/"));
    for url in [
        "http://a.example/",
        "https://a.example:8443/",
        "http://b.example/",
        "https://sub.a.example/",
        "https://a.example.evil.example/",
        "https://xa.example/",
    ] {
        assert!(!allowed(&one, url), "{url}");
    }
    let below = ["HTTPS://*.A.example"];
    for url in [
        "https://x.a.example/",
        "https://x.y.a.example/",
        "https://x.a.example./",
    ] {
        assert!(allowed(&below, url), "{url}");
    }
    for url in [
        "https://a.example/",
        "https://xa.example/",
        "https://xyz.xa.example/",
        "https://xyza.example/",
        "http://x.a.example/",
        "https://x.a.example:8443/",
        "https://a.example.b.example/",
    ] {
        assert!(!allowed(&below, url), "{url}");
    }
    assert!(allowed(&[], "http://any.example/"));
    for malformed in [
        "",
        "*",
        "https://",
        "https://*",
        "https://*.",
        "https://a.example/",
        "https://a.example?",
        "https://a.example#",
        "https://u@a.example",
        "https://a.*.example",
        "https://a.example:22",
    ] {
        assert_eq!(
            Policy::default().set_allowed_origins(&[malformed.into()]),
            Err(ErrorKind::InvalidArgument),
            "{malformed}"
        );
    }
}
