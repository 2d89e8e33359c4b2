//! An application that waits for an rpc which its library began, and has the library finish one that it began itself.

use bindings::{
    test::sharing::fetcher,
    urlfetch::rpc::{
        fetch::{Client, Waited, wait_any},
        types::Request,
    },
};

mod bindings {
    wit_bindgen::generate!({
        path: ["../../../wit", "../sharing-library/wit"],
        world: "test:sharing/app",
        with: { "wasi:io/poll@0.2.0": wasi::io::poll },
        generate_all,
    });
}

fn main() {
    let url = std::env::args().nth(1).expect("usage: sharing-app URL");
    let client = Client::shared();
    client
        .set_allow_private(true)
        .expect("nobody sealed the shared client");
    let own = client
        .create_rpc(None)
        .expect("no deadline, nothing to refuse");
    let request = Request {
        url: url.clone(),
        method: "GET".into(),
        headers: Vec::new(),
        payload: None,
        follow_redirects: true,
        allow_truncated: false,
        validate_certificate: None,
    };
    own.make_fetch_call(&request)
        .expect("an idle rpc starts a plain GET");
    let theirs = fetcher::begin(&url);
    // One instance numbers its rpcs once: the two ids differ.
    let ids = (own.id(), theirs.id());
    let waited = wait_any(&[&theirs], None).expect("it was started");
    println!("theirs: {waited:?}");
    if let Waited::Finished(_) = waited {
        println!(
            "theirs: {:?}",
            theirs.get_result().map(|response| response.status)
        );
    }
    let (id, outcome) = fetcher::finish(own);
    println!("own, finished by the library: {outcome}");
    println!("ids: {}, kept: {}", ids.0 != ids.1, id == ids.0);
}
