//! An error of the client fits into the error types of programs, and shows its cause once.
mod story;
use std::error::Error as _;

use story::{Boom, client, url};
use urlfetch::{Error, ErrorKind, FetchError};

fn fits<E: std::error::Error + Send + Sync + 'static>() {}

#[test]
fn all_of_them_are_errors_that_can_be_sent() {
    fits::<Error>();
    fits::<FetchError>();
    fits::<ErrorKind>();
}

#[test]
fn the_question_mark_works_where_any_error_is_returned() {
    fn program() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let client = client();
        client.set_max_redirects(3)?;
        let rpc = client.rpc().deadline(1.0).create()?;
        rpc.set_callback(|_| Err("out of luck"));
        rpc.make_fetch_call(url("10"))?;
        Ok(rpc.wait()?)
    }
    assert_eq!(program().unwrap_err().to_string(), "callback: out of luck");
}

#[test]
fn the_cause_is_shown_once_and_can_be_had() {
    let client = client();
    let rpc = client.rpc().callback(|_| Err(Boom("boom")));
    let error = rpc.fetch(url("10")).unwrap().wait().unwrap_err();
    assert_eq!(error.to_string(), "callback: boom");
    assert!(error.source().is_none(), "a report would say it twice");
    assert!((error.kind(), error.fetch().is_none()) == (None, true));
    let Error::Callback(raised) = error else {
        panic!("a callback raised it");
    };
    assert!(raised.is::<Boom>());

    let error = client.fetch(url("fail")).unwrap_err();
    assert!(error.source().is_none());
    let text = error.to_string();
    assert_eq!(text.matches(&url("fail")).count(), 1, "{text}");
}

#[test]
fn callbacks_and_hooks_may_return_nothing_or_any_error() {
    let client = client();
    type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;
    let returned: [fn() -> Outcome; 2] = [|| Ok(()), || Err("boom".into())];
    for outcome in returned {
        let rpc = client.rpc().callback(move |_| outcome());
        let waited = rpc.fetch(url("10")).unwrap().wait();
        assert_eq!(waited.is_ok(), outcome().is_ok());
    }
    client
        .rpc()
        .callback(|_| ())
        .fetch(url("1"))
        .unwrap()
        .wait()
        .unwrap();
    let rpc = client.rpc().callback(|rpc| rpc.check_success());
    let error = rpc.fetch(url("fail")).unwrap().wait().unwrap_err();
    assert!(matches!(error, Error::Callback(_)));
}
