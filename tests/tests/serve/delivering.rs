//! Who delivers: tokens on what goes out, tokens at the door, and Cloud Tasks itself with the token of the host.

use super::client::ask;
use super::deferring::{File, QUEUE};
use super::recording::{Recording, answer};
use super::{Served, Serving, on_sockets};
use crate::programs::DEFERRING;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use urlfetch_host::{
    Credentials, EgressPolicy, GoogleTasks, Issuer, Sender, SenderOptions, TrustedIssuer,
};

/// What an issuer without a socket is called.
const ISSUER: &str = "http://tasks.urlfetch.internal";
const EMAIL: &str = "queue@project.test";

/// An application whose tasks may wish for tokens of this issuer.
async fn signing(file: &File, issuer: &str) -> Serving {
    let mut serving = Serving::of(DEFERRING);
    let issuer = Issuer::open(issuer, &file.0.join("tasks.oidc.pem")).unwrap();
    serving.options.tasks = Some(file.open().await.with_issuer(issuer));
    serving
}

/// What a token says; nothing of it was checked.
fn claims(token: &str) -> Value {
    let claims = URL_SAFE_NO_PAD
        .decode(token.split('.').nth(1).unwrap())
        .unwrap();
    serde_json::from_slice(&claims).unwrap()
}

fn bearer(request: &Request<Bytes>) -> String {
    let said = request.headers()["authorization"].to_str().unwrap();
    said.strip_prefix("Bearer ").unwrap().to_owned()
}

fn json(value: &Value) -> Response<Bytes> {
    answer(200, value.to_string())
}

#[test]
fn a_delivery_shows_the_token_its_task_wished_for_and_another_server_lets_it_in() {
    // DEF-40: the first server delivers to the second, which trusts its issuer and nobody's headers.
    on_sockets(|| async {
        let (file, other) = (File::new(), File::new());
        let listener = urlfetch_host::serve::listen(([127, 0, 0, 1], 0).into()).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let delivering = signing(&file, &url).await.begin(Some(listener)).await;

        let mut guarded = Serving::of(DEFERRING);
        guarded.options.tasks = Some(other.open().await);
        guarded.options.deliverer = Some(TrustedIssuer {
            issuers: vec![url.clone()],
            jwks_uri: None,
            audiences: vec!["https://app.test".into()],
            emails: vec![EMAIL.into()],
        });
        let guarded = guarded.start().await;

        let seen = Recording::start(|_, _| answer(200, "")).await;
        let to = |url: &str, audience: Value| {
            json!({"httpRequest": {"url": url, "headers": {"authorization": "Bearer of-the-caller"},
                "oidcToken": {"serviceAccountEmail": EMAIL, "audience": audience}}})
        };
        // Once to somebody who shows us what came, and by its URL.
        delivering
            .defer("seen", to(&seen.url("/x?y=1#z"), json!(null)))
            .await;
        let token = bearer(&seen.asked_times(1).await[0]);
        let said = claims(&token);
        for (name, value) in [
            ("iss", json!(url)),
            ("aud", json!(seen.url("/x?y=1#z"))),
            ("email", json!(EMAIL)),
            ("email_verified", json!(true)),
            ("sub", json!(EMAIL)),
            ("azp", json!(EMAIL)),
        ] {
            assert_eq!(said[name], value, "{name}");
        }
        assert_eq!(
            said["exp"].as_u64().unwrap() - said["iat"].as_u64().unwrap(),
            3_600
        );

        // Then to the guarded server: 200 ends the task.
        let guard = format!("http://{}", guarded.address);
        let path = format!("{guard}/_ah/queue/200");
        delivering
            .defer("good", to(&path, json!("https://app.test")))
            .await;
        delivering.gone("good").await;
        let mut wrong = to(&path, json!("https://other.test"));
        wrong["retryConfig"] = json!({"maxAttempts": 1});
        delivering.defer("wrong", wrong).await;
        delivering.gone("wrong").await;
        assert_eq!(guarded.statuses(2).await, [200, 403]);
        // What a delivery says is kept, when it shows a token, and is taken from the others as ever.
        let forged = "X-CloudTasks-TaskName: t\r\nX-Own: 1\r\n";
        for (authorization, kept) in [
            (String::new(), "x-own"),
            (format!("Authorization: Bearer {token}\r\n"), "x-own"),
        ] {
            let answer = guarded
                .say("POST", "/headers", &format!("{forged}{authorization}"), "")
                .await;
            assert_eq!((answer.status, answer.text()), (200, kept));
        }
        let good = seen_token(
            &delivering,
            &seen,
            &to(&seen.url("/again"), json!("https://app.test")),
        )
        .await;
        let shown = format!("{forged}Authorization: Bearer {good}\r\n");
        let answer = guarded.say("POST", "/headers", &shown, "").await;
        assert_eq!(answer.text(), "x-cloudtasks-taskname x-own");
        guarded.stop().await;
        delivering.stop().await;
    });
}

impl Served {
    /// What so many requests were answered, the first one first.
    async fn statuses(&self, count: usize) -> Vec<u16> {
        self.ended(count).await;
        let ended = self.journal.ended();
        let status =
            |record: &Arc<urlfetch_host::serve::Record>| record.answer().status.unwrap().as_u16();
        ended.iter().rev().map(status).collect()
    }
}

/// The token of one more delivery.
async fn seen_token(delivering: &Served, seen: &Recording, task: &Value) -> String {
    let before = seen.asked().len();
    delivering.defer("once-more", task.clone()).await;
    bearer(&seen.asked_times(before + 1).await[before])
}

#[test]
fn a_door_that_cannot_get_the_keys_says_so_and_lets_nobody_in() {
    on_sockets(|| async {
        let file = File::new();
        let there = Arc::new(AtomicBool::new(false));
        let document = Arc::new(Mutex::new(Value::Null));
        let keys = {
            let (there, document) = (there.clone(), document.clone());
            Recording::start(move |_, _| match there.load(Ordering::Relaxed) {
                true => json(&document.lock().unwrap()),
                false => answer(500, ""),
            })
            .await
        };
        let mut guarded = signing(&file, ISSUER).await;
        guarded.options.deliverer = Some(TrustedIssuer {
            issuers: vec![ISSUER.into()],
            jwks_uri: Some(keys.url("/jwks")),
            audiences: vec!["a".into()],
            emails: vec![EMAIL.into()],
        });
        let (guarded, address) = guarded.start_with_tasks().await;
        let seen = Recording::start(|_, _| answer(200, "")).await;
        let task = json!({"httpRequest": {"url": seen.url("/"), "oidcToken": {"serviceAccountEmail": EMAIL, "audience": "a"}}});
        let token = seen_token(&guarded, &seen, &task).await;
        let shown = format!("Authorization: Bearer {token}\r\n");
        assert_eq!(
            guarded
                .say("POST", "/_ah/queue/200", &shown, "")
                .await
                .status,
            503
        );
        let said = "GET /jwks HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        *document.lock().unwrap() =
            serde_json::from_slice(&ask(address, said).await.body()).unwrap();
        there.store(true, Ordering::Relaxed);
        loop {
            let answer = guarded.say("POST", "/_ah/queue/200", &shown, "").await;
            if answer.status == 200 {
                break;
            }
            assert_eq!(answer.status, 503);
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let altered = format!("Authorization: Bearer {}\r\n", token.replacen('.', ".e", 1));
        assert_eq!(
            guarded
                .say("POST", "/_ah/queue/200", &altered, "")
                .await
                .status,
            403
        );
        guarded.stop().await;
    });
}

#[test]
fn what_is_known_of_the_issuer_is_for_everybody_and_nothing_else_is() {
    on_sockets(|| async {
        let file = File::new();
        let listener = urlfetch_host::serve::listen(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("http://{address}");
        let served = signing(&file, &url).await.begin(Some(listener)).await;
        let get = async |path: &str| {
            let said = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            let answer = ask(address, said).await;
            let value: Value = serde_json::from_slice(&answer.body()).unwrap();
            (answer.status, value)
        };
        let (status, document) = get("/.well-known/openid-configuration").await;
        assert_eq!((status, &document["issuer"]), (200, &url.as_str().into()));
        assert_eq!(document["jwks_uri"], format!("{url}/jwks"));
        let (status, keys) = get("/jwks").await;
        let key = &keys["keys"][0];
        // Google's verifier fails without these two.
        assert_eq!(
            (status, &key["use"], &key["alg"]),
            (200, &"sig".into(), &"RS256".into())
        );
        assert_eq!(key["d"], Value::Null);
        assert_eq!(get(&format!("/v2/{QUEUE}")).await.0, 401);
        served.stop().await;
    });
}

#[test]
fn an_application_reads_the_keys_of_an_issuer_that_has_no_socket() {
    on_sockets(|| async {
        let file = File::new();
        let served = signing(&file, ISSUER).await.start().await;
        let read = async |path: &str| {
            let answer = served.say("GET", path, "", "").await;
            assert_eq!(answer.status, 200, "{answer:?}");
            serde_json::from_slice::<Value>(&answer.body()).unwrap()
        };
        let known = read("/issuer/.well-known/openid-configuration").await;
        assert_eq!(
            (&known["issuer"], &known["jwks_uri"]),
            (&ISSUER.into(), &format!("{ISSUER}/jwks").into())
        );
        let keys = read("/issuer/jwks").await;
        assert_eq!(keys["keys"][0]["kty"], "RSA");
        served.stop().await;
    });
}

/// Cloud Tasks and the metadata server, both here.
struct Google {
    api: Recording,
    metadata: Recording,
    roots: Vec<u8>,
}

impl Google {
    /// With a service that answers so, and tokens `token-1` and so on, or none.
    async fn start(
        answers: impl Fn(usize, &Request<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
        grants: bool,
    ) -> Self {
        let (api, roots) = Recording::start_tls(answers).await;
        let metadata = Recording::start(move |before, _| match grants {
            true => {
                json(&json!({"access_token": format!("token-{}", before + 1), "expires_in": 3_600}))
            }
            false => answer(403, "no account"),
        });
        Google {
            api,
            metadata: metadata.await,
            roots,
        }
    }

    /// An application whose own way out leads nowhere.
    async fn serve(&self) -> Served {
        let host = self.metadata.authority();
        let credentials =
            Credentials::find(|name| (name == "GCE_METADATA_HOST").then(|| host.clone()));
        let mut serving = Serving::of(DEFERRING);
        serving.egress = EgressPolicy::public_only();
        serving.options.google = Some(GoogleTasks {
            endpoint: self.api.url("").parse().unwrap(),
            ..GoogleTasks::new(credentials.unwrap())
        });
        let options = SenderOptions {
            extra_roots_pem: self.roots.clone(),
            ..SenderOptions::default()
        };
        serving.options.own_sender = Some(Sender::new(options).unwrap());
        serving.start().await
    }
}

#[test]
fn calls_of_cloud_tasks_go_out_as_they_are_with_a_token_of_the_host() {
    on_sockets(|| async {
        let google = Google::start(
            |_, request| {
                json(&json!({"name": "made", "was": String::from_utf8_lossy(request.body())}))
            },
            true,
        )
        .await;
        let served = google.serve().await;
        let path = format!("{QUEUE}/tasks");
        for _ in 0..3 {
            let body = json!({"task": {"retryConfig": {"maxAttempts": 3}, "anything": [1]}});
            let (status, answer) = served.api("POST", &path, &body).await;
            assert_eq!((status, &answer["was"]), (200, &body.to_string().into()));
        }
        let asked = google.api.asked();
        assert_eq!(asked.len(), 3);
        for request in &asked {
            assert_eq!(request.uri().path(), format!("/v2/{path}"));
            assert_eq!(bearer(request), "token-1");
            let host = request.headers()["host"].to_str().unwrap();
            assert_eq!(format!("https://{host}"), google.api.url(""));
        }
        assert_eq!(google.metadata.asked().len(), 1);
        assert_eq!(
            google.metadata.asked()[0].headers()["metadata-flavor"],
            "Google"
        );
        // What goes out is on record, and who is outside is kept out as with tasks of our own.
        let ended = served.journal.ended();
        assert_eq!(ended[0].calls().0[0].moments().status.unwrap(), 200);
        assert_eq!(
            served.say("POST", "/_ah/queue/200", "", "").await.status,
            403
        );
        served.stop().await;
    });
}

#[test]
fn a_token_that_google_refuses_is_renewed_once() {
    on_sockets(|| async {
        let google = Google::start(
            |_, request| match bearer(request).as_str() {
                "token-2" => json(&json!({})),
                _ => answer(401, "{\"error\": {\"code\": 401}}"),
            },
            true,
        )
        .await;
        let served = google.serve().await;
        let (status, _) = served.api("GET", QUEUE, &json!(null)).await;
        assert_eq!((status, google.api.asked().len()), (200, 2));
        let (status, _) = served.api("GET", QUEUE, &json!(null)).await;
        assert_eq!((status, google.api.asked().len()), (200, 3));
        served.stop().await;
    });
}

#[test]
fn without_a_token_an_application_is_told_503_as_google_would() {
    on_sockets(|| async {
        let google = Google::start(|_, _| answer(200, "{}"), false).await;
        let served = google.serve().await;
        let (status, answer) = served.api("GET", QUEUE, &json!(null)).await;
        assert_eq!(
            (status, &answer["error"]["status"]),
            (503, &"UNAVAILABLE".into())
        );
        assert_eq!(google.api.asked().len(), 0);
        served.stop().await;
    });
}
