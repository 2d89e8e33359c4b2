//! Tokens that are let in, and all the others.

use super::super::jws::encode;
use super::super::key::SigningKey;
use super::*;
use bytes::Bytes;
use http::Response;
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex as Lock};
use std::time::UNIX_EPOCH;
use tokio::sync::Semaphore;

const ISSUER: &str = "https://issuer.test";
const NOW: u64 = 1_795_176_000;

/// Two keys: making one takes a while.
static KEYS: LazyLock<[SigningKey; 2]> = LazyLock::new(|| {
    ["a", "b"].map(|name| {
        let file = format!("urlfetch-trust-{}-{name}.pem", std::process::id());
        let path = std::env::temp_dir().join(file);
        let key = SigningKey::of_file(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        key
    })
});

/// An issuer with its documents, and how often each was asked for.
struct Served {
    keys: Lock<Option<Vec<Value>>>,
    asked: AtomicUsize,
}

impl Served {
    fn with(keys: &[&SigningKey]) -> Arc<Self> {
        let keys = keys.iter().map(|key| key.jwk()).collect();
        Arc::new(Served {
            keys: Lock::new(Some(keys)),
            asked: AtomicUsize::new(0),
        })
    }

    fn fetch(self: &Arc<Self>) -> Fetch {
        let served = self.clone();
        Arc::new(move |request| {
            let served = served.clone();
            Box::pin(async move {
                let body = match request.uri().to_string().as_str() {
                    "https://issuer.test/.well-known/openid-configuration" => {
                        json!({"issuer": ISSUER, "jwks_uri": "https://keys.test/"})
                    }
                    "https://keys.test/" => {
                        served.asked.fetch_add(1, Ordering::Relaxed);
                        let keys = served.keys.lock().unwrap().clone();
                        json!({"keys": keys.ok_or("nobody answers")?})
                    }
                    other => panic!("{other}"),
                };
                let response = Response::builder().header(CACHE_CONTROL, "public, max-age=600");
                Ok(response.body(Bytes::from(body.to_string())).unwrap())
            })
        })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

fn config() -> TrustedIssuer {
    TrustedIssuer {
        issuers: vec![ISSUER.into()],
        jwks_uri: None,
        audiences: vec!["https://app.test".into(), "https://other.test".into()],
        emails: vec!["queue@project.test".into()],
    }
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": "https://app.test", "sub": "1", "email": "queue@project.test", "email_verified": true,
        "iat": NOW, "exp": NOW + 3_600,
    })
}

async fn judge(trust: &Trust, token: &str) -> Judged {
    trust
        .judge(token, UNIX_EPOCH + Duration::from_secs(NOW))
        .await
}

#[tokio::test]
async fn a_token_of_the_issuer_for_us_and_of_who_delivers_is_good() {
    let served = Served::with(&[&KEYS[0]]);
    let trust = Trust::new(config(), served.fetch());
    let mut several = claims();
    several["aud"] = json!(["https://nobody.test", "https://other.test"]);
    for claims in [claims(), several] {
        let token = KEYS[0].sign(&claims).unwrap();
        assert_eq!(judge(&trust, &token).await, Judged::Good);
    }
    assert_eq!(served.asked(), 1);
}

#[tokio::test]
async fn what_a_token_says_wrongly_is_found_without_asking_anybody() {
    let served = Served::with(&[&KEYS[0]]);
    let trust = Trust::new(config(), served.fetch());
    for (name, value) in [
        ("iss", json!("https://issuer.test.evil")),
        ("iss", json!(1)),
        ("aud", json!("https://app.test/")),
        ("aud", json!([])),
        ("aud", json!(null)),
        ("email", json!("somebody@project.test")),
        ("email_verified", json!(false)),
        ("email_verified", json!("true")),
        ("exp", json!(NOW - 60)),
        ("exp", json!("9999999999")),
        ("iat", json!(NOW + 61)),
        ("iat", json!(null)),
        ("nbf", json!(NOW + 61)),
    ] {
        let mut claims = claims();
        claims[name] = value.clone();
        let token = KEYS[0].sign(&claims).unwrap();
        let judged = judge(&trust, &token).await;
        assert!(matches!(judged, Judged::Bad(_)), "{name} {value}");
    }
    let header = |header: Value| {
        let token = KEYS[0].sign(&claims()).unwrap();
        let rest = token.split_once('.').unwrap().1.to_owned();
        format!("{}.{rest}", encode(header.to_string()))
    };
    for token in [
        String::new(),
        "..".into(),
        "a.b.c".into(),
        header(json!({"alg": "none"})),
        header(json!({"alg": "HS256"})),
        header(json!({"alg": "RS512"})),
        header(json!({"alg": "RS256", "crit": ["x"], "x": 1})),
        "x".repeat(1 << 20),
    ] {
        assert!(
            matches!(judge(&trust, &token).await, Judged::Bad(_)),
            "{token:.100}"
        );
    }
    assert_eq!(served.asked(), 0);
}

#[tokio::test]
async fn a_signature_that_is_not_the_issuers_is_refused() {
    let served = Served::with(&[&KEYS[0]]);
    let trust = Trust::new(config(), served.fetch());
    let good = KEYS[0].sign(&claims()).unwrap();
    // Of another key, one that claims to be this key, of other claims, cut off, and none.
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let others = KEYS[1].sign(&claims()).unwrap();
    let other_signature = others.rsplit_once('.').unwrap().1;
    let mut later = claims();
    later["exp"] = (NOW + 7_200).into();
    let altered = format!(
        "{}.{}",
        signed.split_once('.').unwrap().0,
        encode(later.to_string())
    );
    for token in [
        others.clone(),
        format!("{signed}.{other_signature}"),
        format!("{altered}.{signature}"),
        format!("{signed}.{}", &signature[..signature.len() - 2]),
        format!("{signed}."),
    ] {
        assert!(
            matches!(judge(&trust, &token).await, Judged::Bad(_)),
            "{token}"
        );
    }
    assert_eq!(judge(&trust, &good).await, Judged::Good);
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_asked_for_but_not_as_often_as_strangers_like() {
    let served = Served::with(&[&KEYS[0]]);
    let trust = Trust::new(config(), served.fetch());
    let [old, new] = [0, 1].map(|n| KEYS[n].sign(&claims()).unwrap());
    assert_eq!(judge(&trust, &old).await, Judged::Good);
    for _ in 0..10 {
        assert!(matches!(judge(&trust, &new).await, Judged::Bad(_)));
    }
    assert_eq!(served.asked(), 1);
    *served.keys.lock().unwrap() = Some(vec![KEYS[1].jwk()]);
    tokio::time::advance(AGAIN).await;
    assert_eq!(judge(&trust, &new).await, Judged::Good);
    assert!(matches!(judge(&trust, &old).await, Judged::Bad(_)));
    assert_eq!(served.asked(), 2);
    // As long as the issuer said, and no longer.
    tokio::time::advance(Duration::from_secs(599)).await;
    assert_eq!(
        (judge(&trust, &new).await, served.asked()),
        (Judged::Good, 2)
    );
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(
        (judge(&trust, &new).await, served.asked()),
        (Judged::Good, 3)
    );
}

#[tokio::test(start_paused = true)]
async fn without_keys_nothing_is_known_and_old_ones_are_better_than_none() {
    let served = Served::with(&[&KEYS[0]]);
    let trust = Trust::new(config(), served.fetch());
    let token = KEYS[0].sign(&claims()).unwrap();
    let keys = served.keys.lock().unwrap().take();
    for _ in 0..3 {
        assert!(matches!(judge(&trust, &token).await, Judged::Unknown(_)));
    }
    assert_eq!(served.asked(), 1);
    *served.keys.lock().unwrap() = keys;
    tokio::time::advance(NOTHING_YET).await;
    assert_eq!(judge(&trust, &token).await, Judged::Good);
    served.keys.lock().unwrap().take();
    tokio::time::advance(Duration::from_secs(24 * 3_600)).await;
    assert_eq!(judge(&trust, &token).await, Judged::Good);
    assert_eq!(served.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_while_keys_are_asked_for_keeps_nobody_from_having_them() {
    let served = Served::with(&[&KEYS[0]]);
    let (answers, gate) = (served.fetch(), Arc::new(Semaphore::new(0)));
    let waits: Fetch = {
        let gate = gate.clone();
        Arc::new(move |request| {
            let (answer, gate) = (answers(request), gate.clone());
            Box::pin(async move {
                gate.acquire().await.unwrap().forget();
                answer.await
            })
        })
    };
    let trust = Trust::new(config(), waits);
    let token = KEYS[0].sign(&claims()).unwrap();
    let left = tokio::time::timeout(Duration::from_millis(1), judge(&trust, &token)).await;
    assert!(left.is_err());
    gate.add_permits(2);
    assert_eq!(judge(&trust, &token).await, Judged::Good);
    assert_eq!(served.asked(), 1);
}

#[test]
fn keys_are_kept_as_long_as_their_answer_says_within_reason() {
    for (said, seconds) in [
        ("public, max-age=600, must-revalidate", 600),
        ("max-age=1", 60),
        ("max-age=99999999", 24 * 3_600),
        ("no-store", 3_600),
        ("", 3_600),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, said.parse().unwrap());
        assert_eq!(lifetime(&headers).as_secs(), seconds, "{said}");
    }
}
