//! What a call leaves behind: the result again and again, or moved out once; its hops, its bytes, its rejected headers.
mod story;
use std::time::Duration;

use story::{client, url};
use urlfetch::{Answer, Client, ErrorKind, Instant, Request, Scripted, State, hooks::Place};

#[test]
fn get_result_gives_equal_results_again_and_again() {
    let rpc = client().rpc().fetch(url("10")).unwrap();
    let (first, second) = (rpc.get_result().unwrap(), rpc.get_result().unwrap());
    assert_eq!(first, second);
    assert_eq!(first.content, b"/10");
}

#[test]
fn get_result_fails_the_same_way_again_and_again() {
    let rpc = client().rpc().fetch(url("fail")).unwrap();
    let first = rpc.get_result().unwrap_err();
    let second = rpc.check_success().unwrap_err();
    assert_eq!(first.fetch(), second.fetch());
    assert_eq!(first.kind(), Some(ErrorKind::ConnectionClosed));
    assert_eq!(first.fetch().unwrap().url, url("fail"));
}

#[test]
fn a_result_that_was_awaited_is_gone_and_the_rpc_stays_finished() {
    let client = client();
    let mut rpc = client.rpc().fetch(url("10")).unwrap();
    let response = client.block_on(&mut rpc).unwrap().unwrap();
    assert_eq!(response.content, b"/10");
    assert_eq!(rpc.state(), State::Finishing, "never backwards");
    let again = rpc.get_result().unwrap_err();
    assert_eq!(again.kind(), Some(ErrorKind::Misuse));
    assert!(again.to_string().contains("taken before"), "{again}");
    let again = client.block_on(&mut rpc).unwrap().unwrap_err();
    assert_eq!(again.kind(), Some(ErrorKind::Misuse));
    assert_eq!(
        rpc.into_result().unwrap_err().kind(),
        Some(ErrorKind::Misuse)
    );
}

#[test]
fn an_rpc_that_was_awaited_cannot_be_started_again() {
    let client = client();
    let mut rpc = client.rpc().fetch(url("10")).unwrap();
    client.block_on(&mut rpc).unwrap().unwrap();
    let again = rpc.make_fetch_call(url("10")).unwrap_err();
    assert_eq!(again.kind(), Some(ErrorKind::Misuse));
}

#[test]
fn hops_bytes_and_rejected_headers_survive_awaiting() {
    let client = client();
    let request = Request::get(url("to/10"))
        .with_header("Via", "me")
        .with_header("x-mine", "1");
    let mut rpc = client.rpc().fetch(request).unwrap();
    client.block_on(&mut rpc).unwrap().unwrap();
    assert_eq!(rpc.received(), 3);
    assert_eq!(rpc.rejected_headers(), ["Via"]);
    let hops = rpc.hops(|hops, _| hops.len()).unwrap();
    assert_eq!(hops, 2);
    assert_eq!(
        urlfetch::wait_any([&rpc])
            .unwrap()
            .unwrap()
            .rpc()
            .unwrap()
            .id(),
        rpc.id()
    );
}

#[test]
fn hops_tell_when_each_exchange_began_and_what_came() {
    let client = client();
    let rpc = client.rpc().fetch(url("to/30")).unwrap();
    let at = |instant: Instant| instant.since(Instant::default()).as_millis();
    let see = || {
        rpc.hops(|hops, started| {
            assert_eq!(at(started), 0);
            let see = |hop: &urlfetch::Hop| (hop.url.clone(), hop.status, hop.ended_at.map(at));
            hops.iter().map(see).collect::<Vec<_>>()
        })
        .unwrap()
    };
    assert_eq!(see(), [(url("to/30"), 0, None)]);
    client.progress();
    assert_eq!(see()[1], (url("30"), 0, None), "the second is under way");
    rpc.wait().unwrap();
    assert_eq!(
        see(),
        [(url("to/30"), 302, Some(0)), (url("30"), 200, Some(30))]
    );
    assert_eq!(rpc.get_result().unwrap().final_url, Some(url("30")));
}

#[test]
fn received_counts_while_the_body_comes() {
    const TICK: Duration = Duration::from_millis(10);
    let script = Scripted::new().rule(
        |_| true,
        |_| {
            Answer::head(200, vec![])
                .piece(TICK, "12345")
                .piece(TICK, "67890")
                .end(TICK)
        },
    );
    let client = Client::with_transport(script);
    let rpc = client.rpc().fetch(url("")).unwrap();
    let mut seen = vec![rpc.received()];
    while rpc.state() == State::Running {
        client.block_on(client.sleep(TICK)).unwrap();
        seen.push(rpc.received());
    }
    assert_eq!(seen, [0, 5, 10, 10]);
}

#[test]
fn a_response_too_large_comes_with_its_error_and_cut_when_that_is_allowed() {
    let client = client();
    client.set_max_response(2).unwrap();
    let error = client.fetch(url("10")).unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::ResponseTooLarge));
    let cut = error.fetch().unwrap().response.as_ref().unwrap();
    assert_eq!((&*cut.text(), cut.was_truncated), ("/1", true));

    let rpc = client
        .rpc()
        .fetch(Request::get(url("10")).with_allow_truncated(true));
    let rpc = rpc.unwrap();
    rpc.check_success().unwrap();
    assert!(rpc.into_result().unwrap().was_truncated);
}

/// Semantics.md 20.5.
#[test]
fn a_cut_content_fails_get_result_only_when_that_is_asked_for() {
    let client = client();
    let seen = story::Notes::new();
    let note = seen.clone();
    client.hooks(|hooks| {
        hooks.add_post_always(Place::Last, "post", move |_, outcome| match outcome {
            Ok(response) => note.add(response.text()),
            Err(error) => note.add(error.kind.name()),
        })
    });
    client.set_max_response(2).unwrap();
    let rpc = client.rpc().fetch(url("10")).unwrap();
    let error = rpc.check_success().unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::ResponseTooLarge));
    client.set_truncation_passes_check(true).unwrap();
    assert!(
        rpc.check_success().is_err(),
        "a call keeps the settings it was started with"
    );
    let rpc = client.rpc().fetch(url("10")).unwrap();
    rpc.check_success().unwrap();
    assert_eq!(seen.take(), ["response-too-large", "/1"]);
    for error in [
        rpc.get_result().unwrap_err(),
        rpc.into_result().unwrap_err(),
    ] {
        let error = error.fetch().unwrap();
        assert_eq!(error.kind, ErrorKind::ResponseTooLarge);
        assert_eq!(error.response.as_ref().unwrap().content, b"/1");
    }
}

/// Semantics.md 10.7.
#[test]
fn credentials_go_to_another_origin_only_when_that_is_asked_for() {
    for keeps in [false, true] {
        let script = Scripted::new()
            .on("https://example.com/", |_| {
                Answer::redirect(302, "https://b.example/")
            })
            .on("https://b.example/", |seen| {
                let names = seen.headers.iter().map(|(name, _)| *name);
                Answer::new(200, names.collect::<Vec<_>>().join(" "))
            });
        let client = Client::with_transport(script);
        client.set_keep_credentials(keeps).unwrap();
        let request = Request::get("https://example.com/")
            .with_header("Authorization", "a")
            .with_header("cookie", "b");
        let text = client.fetch(request).unwrap().text().into_owned();
        assert_eq!(
            text.contains("Authorization") && text.contains("cookie"),
            keeps,
            "{text}"
        );
    }
}
