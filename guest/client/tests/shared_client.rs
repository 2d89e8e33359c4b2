//! The shared client of a thread, and the transport that is installed under it.
mod story;
use story::url;
use urlfetch::{Answer, Client, ErrorKind, Scripted, wait_all};

fn saying(text: &'static str) -> Scripted {
    Scripted::new().rule(|_| true, move |_| Answer::new(200, text))
}

#[test]
fn without_a_transport_the_error_says_how_to_give_one() {
    let error = urlfetch::fetch(url("1")).unwrap_err();
    let error = error.fetch().unwrap();
    assert_eq!(error.kind, ErrorKind::Download);
    assert!(!error.retryable);
    assert!(error.detail.contains("install"), "{error}");
    assert!(error.detail.contains("with_transport"), "{error}");
}

#[test]
fn everyone_shares_one_client() {
    urlfetch::install(saying("shared"));
    Client::shared().set_default_deadline(Some(2.0)).unwrap();
    assert_eq!(urlfetch::create_rpc().deadline(), Some(2.0));
    assert_eq!(urlfetch::fetch(url("1")).unwrap().text(), "shared");
    assert_eq!(Client::new().default_deadline(), None);
}

#[test]
fn installing_another_leaves_what_exists_as_it_is() {
    urlfetch::install(saying("first"));
    let (client, idle) = (Client::shared(), urlfetch::create_rpc());
    let running = urlfetch::create_rpc().start(url("1")).unwrap();
    urlfetch::install(saying("second"));
    idle.make_fetch_call(url("1")).unwrap();
    assert_eq!(idle.get_result().unwrap().text(), "first");
    assert_eq!(running.get_result().unwrap().text(), "first");
    assert_eq!(client.fetch(url("1")).unwrap().text(), "first");
    assert_eq!(urlfetch::fetch(url("1")).unwrap().text(), "second");
    let new = urlfetch::create_rpc().start(url("1")).unwrap();
    let error = wait_all([&new, &running]).unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Misuse));
}

#[test]
fn another_thread_has_its_own() {
    urlfetch::install(saying("mine"));
    let other = std::thread::spawn(|| urlfetch::fetch(url("1")).unwrap_err().kind());
    assert_eq!(other.join().unwrap(), Some(ErrorKind::Download));
    assert_eq!(urlfetch::fetch(url("1")).unwrap().text(), "mine");
}

#[test]
fn a_client_of_its_own_transport_shares_nothing() {
    urlfetch::install(saying("installed"));
    let own = Client::with_transport(saying("own"));
    own.set_default_deadline(Some(2.0)).unwrap();
    assert_eq!(own.fetch(url("1")).unwrap().text(), "own");
    assert_eq!(urlfetch::create_rpc().deadline(), None);
    assert_eq!(urlfetch::fetch(url("1")).unwrap().text(), "installed");
}
