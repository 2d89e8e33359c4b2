//! Hooks run before and after every call of their client: the pre-call ones may change or refuse it, the post-call ones see it once.
mod story;
mod elsewhere {
    //! Another source file, which is another module in the words of the source.
    #[path = "registrar.rs"]
    pub(crate) mod registrar;
}
use elsewhere::registrar;
use story::{Boom, Notes, client, url};
use urlfetch::{Client, Error, ErrorKind, Request, Rpc, State, hooks::Place, wait_all, wait_any};

fn note_pre(client: &Client, place: Place, key: &'static str, notes: &Notes) -> bool {
    let notes = notes.clone();
    client.hooks(|hooks| hooks.add_pre(place, key, move |_, _| notes.add(key)))
}

#[test]
fn they_run_in_the_order_of_their_list() {
    let (client, notes) = (client(), Notes::new());
    note_pre(&client, Place::Last, "b", &notes);
    note_pre(&client, Place::Last, "c", &notes);
    note_pre(&client, Place::First, "a", &notes);
    client.fetch(url("10")).unwrap();
    assert_eq!(notes.take(), ["a", "b", "c"]);
}

#[test]
fn a_key_is_taken_once_in_each_module_and_freed_by_clear() {
    let (client, notes) = (client(), Notes::new());
    assert!(note_pre(&client, Place::Last, "key", &notes));
    assert!(!note_pre(&client, Place::Last, "key", &notes));
    assert!(!note_pre(&client, Place::First, "key", &notes));
    let elsewhere = notes.clone();
    assert!(client.hooks(|hooks| registrar::add(hooks, "key", move || elsewhere.add("elsewhere"))));
    client.fetch(url("10")).unwrap();
    assert_eq!(notes.take(), ["key", "elsewhere"]);
    assert_eq!(client.hooks(|hooks| hooks.pre.len()), 2);
    client.hooks(|hooks| hooks.pre.clear());
    assert!(client.hooks(|hooks| hooks.pre.is_empty()));
    assert!(note_pre(&client, Place::Last, "key", &notes));
}

#[test]
fn pre_and_post_lists_have_keys_of_their_own() {
    client().hooks(|hooks| {
        assert!(hooks.add_pre(Place::Last, "key", |_, _| ()));
        assert!(hooks.add_post(Place::Last, "key", |_, _| ()));
        assert!(!hooks.add_post_always(Place::Last, "key", |_, _| ()));
        let shown = format!("{hooks:?}");
        assert!(
            shown.contains("key") && shown.contains("hooks.rs"),
            "{shown}"
        );
    });
}

#[test]
fn a_pre_call_hook_sees_an_idle_rpc_and_may_change_the_request() {
    let script = story::origins();
    let log = script.log();
    let client = Client::with_transport(script);
    client.hooks(|hooks| {
        hooks.add_pre(Place::Last, "redirect", |rpc, request| {
            assert_eq!(rpc.state(), State::Idle);
            request.url = url("20");
            request.headers.push(("via".into(), b"hook".into()));
        })
    });
    let rpc = client.rpc().fetch(url("10")).unwrap();
    assert_eq!(rpc.get_result().unwrap().content, b"/20");
    assert_eq!(*log.borrow(), [format!("GET {}", url("20"))]);
    assert_eq!(
        rpc.rejected_headers(),
        ["via"],
        "what it adds is judged too"
    );
}

#[test]
fn what_a_pre_call_hook_makes_of_the_request_is_checked() {
    let client = client();
    client.hooks(|hooks| {
        hooks.add_pre(Place::Last, "spoil", |_, request| {
            request.headers.push(("x".into(), b"\n".into()));
        })
    });
    let rpc = client.create_rpc();
    let error = rpc.make_fetch_call(url("10")).unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::InvalidArgument));
    assert_eq!(rpc.state(), State::Idle);
}

#[test]
fn a_pre_call_hook_that_fails_leaves_the_rpc_idle_for_another_try() {
    let (client, notes) = (client(), Notes::new());
    let patience = std::cell::Cell::new(1);
    client.hooks(|hooks| {
        hooks.add_pre(Place::Last, "gate", move |_, _| {
            let left = patience.replace(0);
            if left > 0 {
                Err(Boom("not yet"))
            } else {
                Ok(())
            }
        })
    });
    note_pre(&client, Place::Last, "second", &notes);
    let rpc = client.create_rpc();
    let Err(Error::Hook(raised)) = rpc.make_fetch_call(url("10")) else {
        panic!("the hook refuses it");
    };
    assert!(raised.downcast_ref::<Boom>().is_some());
    assert_eq!((rpc.state(), notes.take().len()), (State::Idle, 0));
    rpc.make_fetch_call(url("10")).unwrap();
    rpc.check_success().unwrap();
    assert_eq!(notes.take(), ["second"]);
}

#[test]
fn they_do_not_run_when_an_earlier_check_fails() {
    let (client, notes) = (client(), Notes::new());
    note_pre(&client, Place::Last, "pre", &notes);
    let rpc = client.create_rpc();
    let bad = Request::get(url("10")).with_header("x", "\n");
    rpc.make_fetch_call(bad).unwrap_err();
    rpc.make_fetch_call(url("10")).unwrap();
    assert_eq!(notes.take(), ["pre"]);
    rpc.make_fetch_call(url("10")).unwrap_err();
    assert_eq!(notes.take(), [""; 0], "started before");
}

#[test]
fn a_pre_call_hook_that_starts_the_rpc_itself_makes_the_call_misuse() {
    let client = client();
    let depth = std::cell::Cell::new(0);
    client.hooks(|hooks| {
        hooks.add_pre(Place::Last, "eager", move |rpc, request| {
            if depth.replace(1) == 0 {
                rpc.make_fetch_call(request.url.as_str())?;
            }
            Ok::<_, Error>(())
        })
    });
    let rpc = client.create_rpc();
    let error = rpc.make_fetch_call(url("10")).unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Misuse));
    assert_eq!(rpc.get_result().unwrap().content, b"/10");
}

#[test]
fn post_call_hooks_run_once_at_the_first_check_and_never_by_waiting() {
    let (client, notes) = (client(), Notes::new());
    let seen = notes.clone();
    client.hooks(|hooks| {
        hooks.add_post(Place::Last, "see", move |rpc, response| {
            assert_eq!(rpc.state(), State::Finishing);
            seen.add(response.text());
        })
    });
    let rpc = client.rpc().fetch(url("10")).unwrap();
    rpc.wait().unwrap();
    wait_any([&rpc]).unwrap();
    wait_all([&rpc]).unwrap();
    client.drain();
    assert_eq!(notes.take(), [""; 0]);
    rpc.check_success().unwrap();
    assert_eq!(notes.take(), ["/10"]);
    rpc.check_success().unwrap();
    rpc.get_result().unwrap();
    rpc.into_result().unwrap();
    assert_eq!(notes.take(), [""; 0]);

    client
        .block_on(client.rpc().fetch(url("20")).unwrap())
        .unwrap()
        .unwrap();
    client
        .rpc()
        .fetch(url("30"))
        .unwrap()
        .into_result()
        .unwrap();
    client.fetch(url("40")).unwrap();
    assert_eq!(notes.take(), ["/20", "/30", "/40"]);
}

#[test]
fn only_those_for_every_outcome_see_a_failure() {
    let (client, notes) = (client(), Notes::new());
    let (success, always) = (notes.clone(), notes.clone());
    client.hooks(|hooks| {
        hooks.add_post(Place::Last, "success", move |_, _| success.add("success"));
        hooks.add_post_always(Place::First, "always", move |_, outcome| {
            always.add(match outcome {
                Ok(response) => response.status.to_string(),
                Err(error) => error.kind.to_string(),
            });
        });
    });
    let failed = client.rpc().fetch(url("fail")).unwrap();
    failed.check_success().unwrap_err();
    failed.check_success().unwrap_err();
    assert_eq!(notes.take(), ["connection-closed"]);
    client.fetch(url("10")).unwrap();
    assert_eq!(notes.take(), ["200", "success"]);
}

#[test]
fn the_error_of_a_post_call_hook_replaces_one_outcome_only() {
    for path in ["10", "fail"] {
        let client = client();
        client.hooks(|hooks| hooks.add_post_always(Place::Last, "boom", |_, _| Err(Boom("boom"))));
        let rpc = client.rpc().fetch(url(path)).unwrap();
        assert!(matches!(rpc.get_result(), Err(Error::Hook(_))));
        assert_eq!(rpc.get_result().is_ok(), path == "10");
        let mut awaited = client.rpc().fetch(url(path)).unwrap();
        assert!(matches!(
            client.block_on(&mut awaited).unwrap(),
            Err(Error::Hook(_))
        ));
        let second = client.block_on(&mut awaited).unwrap();
        assert_eq!(second.is_ok(), path == "10");
    }
}

#[test]
fn the_callback_runs_before_them() {
    let (client, notes) = (client(), Notes::new());
    let hook = notes.clone();
    client.hooks(|hooks| hooks.add_post(Place::Last, "post", move |_, _| hook.add("post")));
    story::noting(&client, "10", &notes)
        .check_success()
        .unwrap();
    assert_eq!(notes.take(), ["10", "post"]);
}

#[test]
fn a_callback_that_asks_for_the_result_has_them_run_inside_it_once() {
    let (client, notes) = (client(), Notes::new());
    let (hook, callback) = (notes.clone(), notes.clone());
    client.hooks(|hooks| hooks.add_post(Place::Last, "post", move |_, _| hook.add("post")));
    let rpc = client.rpc().callback(move |rpc| {
        callback.add("callback begins");
        rpc.get_result()?;
        callback.add("callback ends");
        Ok::<_, Error>(())
    });
    rpc.fetch(url("10")).unwrap().check_success().unwrap();
    assert_eq!(notes.take(), ["callback begins", "post", "callback ends"]);
}

#[test]
fn they_may_fetch_and_change_the_list_they_are_in() {
    let (client, notes) = (client(), Notes::new());
    let seen = notes.clone();
    client.hooks(|hooks| {
        hooks.add_post(Place::Last, "log", move |rpc: &Rpc, response| {
            seen.add(response.text());
            rpc.client().hooks(|hooks| hooks.post.clear());
            rpc.client().fetch(url("30")).map(drop)
        });
        hooks.add_pre(Place::Last, "token", |rpc, request| {
            if !request.url.ends_with("token") {
                rpc.client().fetch(url("token"))?;
            }
            Ok::<_, Error>(())
        });
    });
    let rpc = client.rpc().fetch(url("10")).unwrap();
    // The token's own fetch was the first to be seen by the hook, which then took itself away.
    assert_eq!(notes.take(), ["/token"]);
    rpc.check_success().unwrap();
    assert_eq!(notes.take(), [""; 0]);
}

#[test]
fn they_are_those_of_their_own_client() {
    urlfetch::install(story::origins());
    let (one, other, notes) = (Client::new(), Client::new(), Notes::new());
    note_pre(&one, Place::Last, "one", &notes);
    other.fetch(url("10")).unwrap();
    urlfetch::fetch(url("10")).unwrap();
    assert_eq!(notes.take(), [""; 0]);
    one.clone().fetch(url("10")).unwrap();
    assert_eq!(notes.take(), ["one"]);
}
