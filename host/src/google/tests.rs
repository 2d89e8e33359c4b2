//! Whose token a call goes out with, where tokens come from, and how long they are kept.

use super::*;
use http::Method;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A token endpoint that gives `token-1`, `token-2` and so on.
#[derive(Default)]
struct Granting {
    asked: Mutex<Vec<Request<Bytes>>>,
    fails: std::sync::atomic::AtomicBool,
}

impl Granting {
    fn fetch(self: &Arc<Self>) -> Fetch {
        let granting = self.clone();
        Arc::new(move |request| {
            let granting = granting.clone();
            Box::pin(async move {
                let mut asked = granting.asked.lock().unwrap();
                asked.push(request);
                if granting.fails.load(Ordering::Relaxed) {
                    return Err("nobody answers".into());
                }
                let token = format!("token-{}", asked.len());
                let answer =
                    json!({"access_token": token, "expires_in": 3_600, "token_type": "Bearer"});
                Ok(Response::new(Bytes::from(answer.to_string())))
            })
        })
    }

    fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn metadata() -> Credentials {
    Credentials::find(|name| (name == "GCE_METADATA_HOST").then(|| "metadata.test:80".into()))
        .unwrap()
}

fn cloud_tasks(granting: &Arc<Granting>) -> CloudTasks {
    let google = GoogleTasks {
        credentials: metadata(),
        endpoint: Uri::from_static("https://tasks.test:8443"),
    };
    CloudTasks::new(google, granting.fetch())
}

fn call() -> Request<Bytes> {
    Request::post("https://cloudtasks.googleapis.com/v2/projects/p/locations/l/queues/q/tasks?x=1")
        .header("authorization", "Bearer of-the-guest")
        .header("x-goog-user-project", "somebody")
        .header("x-own", "1")
        .body(Bytes::from_static(b"{}"))
        .unwrap()
}

/// Sends a call, answered with these statuses; gives the answer and the tokens that were shown.
async fn answered(tasks: &CloudTasks, statuses: &[u16]) -> (Response<Bytes>, Vec<String>) {
    let shown = Mutex::new(Vec::new());
    let count = AtomicUsize::new(0);
    let answer = tasks
        .call(call(), |request| {
            assert_eq!(
                request.uri(),
                "https://tasks.test:8443/v2/projects/p/locations/l/queues/q/tasks?x=1"
            );
            assert_eq!(
                (request.method(), request.body()),
                (&Method::POST, &Bytes::from_static(b"{}"))
            );
            assert_eq!(request.headers().len(), 2, "{:?}", request.headers());
            let token = request.headers()[AUTHORIZATION]
                .to_str()
                .unwrap()
                .to_owned();
            shown.lock().unwrap().push(token);
            let status = statuses[count.fetch_add(1, Ordering::Relaxed)];
            async move {
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = StatusCode::from_u16(status).unwrap();
                Ok::<_, ()>(response)
            }
        })
        .await
        .unwrap();
    (
        answer.unwrap_or_else(|ours| ours),
        shown.into_inner().unwrap(),
    )
}

#[tokio::test(start_paused = true)]
async fn a_call_goes_out_with_the_hosts_token_which_is_kept_until_shortly_before_its_end() {
    let granting = Arc::new(Granting::default());
    let tasks = cloud_tasks(&granting);
    for _ in 0..3 {
        let (answer, shown) = answered(&tasks, &[200]).await;
        assert_eq!(
            (answer.status(), shown),
            (StatusCode::OK, vec!["Bearer token-1".into()])
        );
    }
    tokio::time::advance(Duration::from_secs(3_600 - 226)).await;
    assert_eq!(answered(&tasks, &[200]).await.1, ["Bearer token-1"]);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(answered(&tasks, &[200]).await.1, ["Bearer token-2"]);
    assert_eq!(granting.count(), 2);
    let asked = granting.asked.lock().unwrap();
    let uri = "http://metadata.test:80/computeMetadata/v1/instance/service-accounts/default/token";
    assert_eq!(
        (
            asked[0].uri().to_string().as_str(),
            &asked[0].headers()["metadata-flavor"]
        ),
        (uri, &HeaderValue::from_static("Google"))
    );
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let granting = Arc::new(Granting::default());
    let tasks = cloud_tasks(&granting);
    let (answer, shown) = answered(&tasks, &[401, 200]).await;
    assert_eq!(
        (answer.status().as_u16(), shown),
        (200, vec!["Bearer token-1".into(), "Bearer token-2".into()])
    );
    let (answer, shown) = answered(&tasks, &[401, 401]).await;
    assert_eq!(
        (answer.status().as_u16(), shown),
        (401, vec!["Bearer token-2".into(), "Bearer token-3".into()])
    );
    // Other refusals are the application's to read.
    assert_eq!(answered(&tasks, &[403]).await.1.len(), 1);
}

#[tokio::test]
async fn many_calls_at_once_ask_for_one_token() {
    let granting = Arc::new(Granting::default());
    let tasks = cloud_tasks(&granting);
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let tasks = tasks.clone();
            tokio::spawn(async move { answered(&tasks, &[200]).await.1 })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), ["Bearer token-1"]);
    }
    assert_eq!(granting.count(), 1);
}

#[tokio::test]
async fn without_a_token_the_answer_is_the_services_way_to_say_503() {
    let granting = Arc::new(Granting::default());
    granting.fails.store(true, Ordering::Relaxed);
    let tasks = cloud_tasks(&granting);
    let (answer, shown) = answered(&tasks, &[]).await;
    assert_eq!((answer.status().as_u16(), shown.len()), (503, 0));
    let value: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(
        (&value["error"]["code"], &value["error"]["status"]),
        (&503.into(), &"UNAVAILABLE".into())
    );
    granting.fails.store(false, Ordering::Relaxed);
    assert_eq!(answered(&tasks, &[200]).await.0.status().as_u16(), 200);
}

/// A folder of this test's own.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("urlfetch-adc-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn form(request: &Request<Bytes>) -> HashMap<String, String> {
    form_urlencoded::parse(request.body())
        .into_owned()
        .collect()
}

#[tokio::test]
async fn credentials_are_looked_for_where_googles_libraries_look() {
    let folder = Folder::new("find");
    let user = json!({"type": "authorized_user", "client_id": "id", "client_secret": "secret&", "refresh_token": "refresh"});
    let file = folder.write("application_default_credentials.json", &user.to_string());
    let find = |pairs: &[(&str, &str)]| {
        let pairs: HashMap<_, _> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Credentials::find(|name| pairs.get(name).cloned())
    };
    let here = folder.0.to_str().unwrap();
    for pairs in [
        &[
            ("GOOGLE_APPLICATION_CREDENTIALS", file.as_str()),
            ("GCE_METADATA_HOST", "m"),
        ][..],
        &[
            ("CLOUDSDK_CONFIG", here),
            ("GOOGLE_APPLICATION_CREDENTIALS", ""),
        ],
    ] {
        let request = find(pairs).unwrap().request(0).unwrap();
        assert_eq!(request.uri(), "https://oauth2.googleapis.com/token");
        let form = form(&request);
        let said = ["grant_type", "client_id", "client_secret", "refresh_token"]
            .map(|name| form[name].as_str());
        assert_eq!(said, ["refresh_token", "id", "secret&", "refresh"]);
    }
    let request = find(&[("HOME", here)]).unwrap().request(0).unwrap();
    assert_eq!(request.uri().host(), Some("metadata.google.internal"));
    for (name, text) in [
        ("missing", None),
        ("no.json", Some("{")),
        ("other.json", Some(r#"{"type": "external_account"}"#)),
        ("account.json", Some(r#"{"type": "service_account"}"#)),
        (
            "key.json",
            Some(r#"{"type": "service_account", "client_email": "a@b", "private_key": "x"}"#),
        ),
        ("user.json", Some(r#"{"type": "authorized_user"}"#)),
    ] {
        let path = match text {
            Some(text) => folder.write(name, text),
            None => folder.0.join(name).to_str().unwrap().to_owned(),
        };
        let error = find(&[("GOOGLE_APPLICATION_CREDENTIALS", &path)])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("GOOGLE_APPLICATION_CREDENTIALS")
                && error.contains(name)
                && !error.contains('\n'),
            "{error}"
        );
    }
    assert!(!format!("{:?}", find(&[("CLOUDSDK_CONFIG", here)])).contains("secret&"));
}

#[tokio::test]
async fn a_service_account_signs_for_its_token() {
    let folder = Folder::new("account");
    let key = folder.0.join("key.pem");
    // An issuer makes a key of the kind that Google makes.
    let issuer = crate::oidc::Issuer::open("http://a.test", &key).unwrap();
    issuer.ready().await.unwrap();
    let account = json!({
        "type": "service_account", "client_email": "host@project.test", "private_key": std::fs::read_to_string(&key).unwrap(),
        "private_key_id": "key-1", "token_uri": "https://token.test/",
    });
    let file = folder.write("account.json", &account.to_string());
    let request = Credentials::of_file(std::path::Path::new(&file))
        .unwrap()
        .request(1_000)
        .unwrap();
    assert_eq!(
        (request.uri().to_string().as_str(), request.method()),
        ("https://token.test/", &Method::POST)
    );
    let form = form(&request);
    assert_eq!(
        form["grant_type"],
        "urn:ietf:params:oauth:grant-type:jwt-bearer"
    );
    let parts: Vec<_> = form["assertion"].split('.').map(decoded).collect();
    assert_eq!(
        parts[0],
        json!({"alg": "RS256", "typ": "JWT", "kid": "key-1"})
    );
    let claims = json!({
        "iss": "host@project.test", "aud": "https://token.test/", "scope": "https://www.googleapis.com/auth/cloud-platform",
        "iat": 1_000, "exp": 4_600,
    });
    assert_eq!(parts[1], claims);
}

/// A part of a token; null for its signature.
fn decoded(part: &str) -> Value {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(part)
        .unwrap();
    serde_json::from_slice(&bytes).unwrap_or_default()
}
