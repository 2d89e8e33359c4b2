//! The envelope: what it is, byte for byte, and that nothing else is one.
use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;

use super::{Forgery, Keys, LIFE, Sealed};

const NOW: u64 = 1_800_000_000;
const BODY: &[u8] = br#"{"function":"add","arguments":["visits",10]}"#;

fn key(id: &str, digit: &str) -> String {
    format!("{id}:{}", digit.repeat(64))
}

fn keys(text: &str) -> Keys {
    Keys::parse(text).expect("these are keys")
}

fn sealed() -> Sealed<'static> {
    Sealed {
        queue: "default",
        task: "0123456789abcdef0123456789abcdef",
        method: "POST",
        path: "/_ah/queue/deferred",
        content_type: b"application/octet-stream",
        body: BODY,
    }
}

/// Made by Python's `hmac` from the text of the crate's documentation. The bindings for other languages are held to the same file.
#[test]
fn the_envelope_is_what_the_documentation_says() {
    #[derive(serde::Deserialize)]
    struct Envelope {
        claim: String,
        keys: String,
        queue: String,
        task: String,
        method: String,
        path: String,
        canonical: String,
        content_type: String,
        body: String,
        due: u64,
        envelope: String,
    }
    let envelopes: Vec<Envelope> =
        serde_json::from_str(include_str!("golden/envelopes.json")).expect("it is JSON");
    assert!(!envelopes.is_empty());
    for one in envelopes {
        let (keys, path) = (keys(&one.keys), super::canonical(&one.path));
        assert_eq!(path, one.canonical, "{}", one.claim);
        let sealed = Sealed {
            queue: &one.queue,
            task: &one.task,
            method: &one.method,
            path: &path,
            content_type: one.content_type.as_bytes(),
            body: &STANDARD.decode(&one.body).expect("it is base64"),
        };
        assert_eq!(keys.seal(&sealed, one.due), one.envelope, "{}", one.claim);
        let checked = keys.check(&one.envelope, &sealed, one.due);
        assert_eq!(checked, Ok(()), "{}", one.claim);
    }
}

#[test]
fn what_was_sealed_is_believed_until_it_ends() {
    let keys = keys(&key("a", "1"));
    let value = keys.seal(&sealed(), NOW);
    for (now, checked) in [
        (0, Ok(())),
        (NOW + LIFE, Ok(())),
        (NOW + LIFE + 1, Err(Forgery::Expired)),
    ] {
        assert_eq!(keys.check(&value, &sealed(), now), checked, "{now}");
    }
}

#[test]
fn the_first_key_signs_and_all_check() {
    let (old, new) = (key("old", "1"), key("new", "2"));
    let both = keys(&format!("{new}, {old}"));
    assert!(both.seal(&sealed(), NOW).starts_with("v1;new;"));
    for (signer, checked) in [
        (&old, Ok(())),
        (&new, Ok(())),
        (&key("other", "1"), Err(Forgery::UnknownKey)),
        (&key("old", "3"), Err(Forgery::Signature)),
    ] {
        let value = keys(signer).seal(&sealed(), NOW);
        assert_eq!(both.check(&value, &sealed(), NOW), checked, "{signer}");
    }
}

#[test]
fn an_envelope_is_of_one_task_only() {
    let keys = keys(&key("a", "1"));
    let value = keys.seal(&sealed(), NOW);
    let others = [
        Sealed {
            queue: "other",
            ..sealed()
        },
        Sealed {
            task: "other",
            ..sealed()
        },
        Sealed {
            method: "GET",
            ..sealed()
        },
        Sealed {
            path: "/other",
            ..sealed()
        },
        Sealed {
            content_type: b"text/plain",
            ..sealed()
        },
        Sealed {
            content_type: b"",
            ..sealed()
        },
        Sealed {
            body: b"other",
            ..sealed()
        },
        Sealed {
            body: b"",
            ..sealed()
        },
        // The same bytes, divided otherwise.
        Sealed {
            queue: "default0",
            task: "123456789abcdef0123456789abcdef",
            ..sealed()
        },
    ];
    for other in others {
        assert_eq!(keys.check(&value, &other, NOW), Err(Forgery::Signature));
    }
}

#[test]
fn a_path_has_one_spelling_and_its_query_is_kept() {
    for (path, canonical) in [
        ("/_ah/queue/deferred", "/_ah/queue/deferred"),
        ("/a%20b/%7e%2F", "/a%20b/~/"),
        ("/a+b:c@d", "/a%2Bb%3Ac%40d"),
        ("/%3Fb", "/%3Fb"),
        ("/a?", "/a"),
        ("/a?b=%20?", "/a?b=%20?"),
        ("/%ff%", "/%FF%25"),
    ] {
        assert_eq!(super::canonical(path), canonical);
    }
}

#[test]
fn what_is_no_envelope_is_malformed() {
    let keys = keys(&key("a", "1"));
    let value = keys.seal(&sealed(), NOW);
    let upper = value.to_ascii_uppercase().replacen("V1;A", "v1;a", 1);
    let longer = format!("{value};");
    let v2 = value.replacen("v1", "v2", 1);
    for wrong in [
        "",
        "v1",
        "v1;a;1",
        &value[..value.len() - 1],
        &upper,
        &longer,
        &v2,
    ] {
        assert_eq!(
            keys.check(wrong, &sealed(), NOW),
            Err(Forgery::Malformed),
            "{wrong}"
        );
    }
}

#[test]
fn keys_are_refused_without_being_repeated() {
    let good = key("a", "1");
    for wrong in [
        "".to_owned(),
        "a".to_owned(),
        "a:12".to_owned(),
        format!("{good},"),
        format!("{good},{good}"),
        good.replacen("a:", ":", 1),
        good.replacen("a:", "a b:", 1),
        good.replacen('1', "g", 1),
    ] {
        let error = Keys::parse(&wrong).expect_err(&wrong).to_string();
        assert!(error.starts_with("URLFETCH_DEFERRED_KEYS: "), "{error}");
        assert!(!error.contains("111") && !error.contains("g1"), "{error}");
    }
    assert_eq!(format!("{:?}", keys(&good)), r#"["a"]"#);
}

proptest! {
    #[test]
    fn no_bit_of_an_envelope_may_flip(place in 0_usize..1 << 12, bit in 0_u8..8, due in 0..NOW) {
        let keys = keys(&key("a", "1"));
        let mut value = keys.seal(&sealed(), due).into_bytes();
        let place = place % value.len();
        value[place] ^= 1 << bit;
        if let Ok(value) = std::str::from_utf8(&value) {
            prop_assert!(keys.check(value, &sealed(), due).is_err(), "{}", value);
        }
    }

    #[test]
    fn no_bit_of_what_is_sealed_may_flip(
        task in "[A-Za-z0-9_-]{1,40}",
        path in "/[a-z/]{0,20}",
        content_type in "[a-z/]{0,20}",
        body in prop::collection::vec(any::<u8>(), 0..200),
        place in 0_usize..1 << 12,
        bit in 0_u8..7,
    ) {
        let keys = keys(&key("a", "1"));
        let parts = ["default".as_bytes(), task.as_bytes(), path.as_bytes(), content_type.as_bytes(), &body];
        let check = |parts: &[Vec<u8>], value: Option<&str>| {
            let sealed = Sealed {
                queue: std::str::from_utf8(&parts[0]).expect("seven bits"),
                task: std::str::from_utf8(&parts[1]).expect("seven bits"),
                method: "POST",
                path: std::str::from_utf8(&parts[2]).expect("seven bits"),
                content_type: &parts[3],
                body: &parts[4],
            };
            match value {
                Some(value) => keys.check(value, &sealed, NOW).map(|()| String::new()),
                None => Ok(keys.seal(&sealed, NOW)),
            }
        };
        let mut parts = parts.map(<[u8]>::to_vec);
        let value = check(&parts, None).expect("it is sealed");
        prop_assert!(check(&parts, Some(&value)).is_ok());
        let length: usize = parts.iter().map(Vec::len).sum();
        let byte = parts.iter_mut().flatten().nth(place % length).expect("it is within");
        *byte ^= 1 << bit;
        prop_assert_eq!(check(&parts, Some(&value)), Err(Forgery::Signature));
    }
}
