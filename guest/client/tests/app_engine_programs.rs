//! The two programs of App Engine's page on asynchronous requests, in Rust.
mod story;
use std::{cell::RefCell, rc::Rc};

use story::{client, url};
use urlfetch::{ErrorKind, Rpc, State, install};

#[test]
fn one_fetch_in_the_background_and_its_result() {
    install(story::origins());

    let rpc = urlfetch::create_rpc();
    rpc.make_fetch_call(url("200")).unwrap();
    assert_eq!(rpc.state(), State::Running);

    // ... do other things ...

    let text = match rpc.get_result() {
        Ok(result) if result.status == 200 => result.content,
        Ok(result) => panic!("{}", result.status),
        Err(error) => panic!("request timed out or failed: {error}"),
    };
    assert_eq!(text, b"/200");
}

#[test]
fn one_fetch_that_fails_as_a_download_error() {
    install(story::origins());
    for path in ["fail", "silent"] {
        let rpc = urlfetch::create_rpc();
        rpc.make_fetch_call(url(path)).unwrap();
        let error = rpc.get_result().unwrap_err();
        assert!(error.kind().is_some_and(ErrorKind::is_download), "{error}");
    }
}

#[test]
fn many_fetches_with_callbacks_and_a_wait_for_each() {
    let client = client();
    let results = Rc::new(RefCell::new(Vec::new()));

    let handle_result = |rpc: &Rpc, results: &RefCell<Vec<String>>| {
        let result = rpc.get_result()?;
        // ... do something with the result ...
        results.borrow_mut().push(result.text().into_owned());
        Ok::<_, urlfetch::Error>(())
    };

    // A helper that defines the scope of the callback is not needed: the callback is lent its rpc.
    let mut rpcs = Vec::new();
    for path in ["30", "10", "20"] {
        let rpc = client.create_rpc();
        let results = Rc::clone(&results);
        rpc.set_callback(move |rpc| handle_result(rpc, &results));
        rpc.make_fetch_call(url(path)).unwrap();
        rpcs.push(rpc);
    }

    // ... do other things ...

    // Finish all rpcs, and let callbacks process the results.
    for rpc in &rpcs {
        rpc.wait().unwrap();
    }
    assert_eq!(
        *results.borrow(),
        ["/30", "/10", "/20"],
        "in the order of waiting"
    );
}

#[test]
fn synchronous_fetch_is_all_three_in_one() {
    install(story::origins());
    assert_eq!(urlfetch::fetch(url("5")).unwrap().content, b"/5");
}
