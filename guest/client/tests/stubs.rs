//! A map of stubs: names of services to what answers them, with hooks of its own; what was made by it keeps what it had.
mod story;
use std::rc::Rc;

use story::{Notes, client, url};
use urlfetch::{
    Answer, Client, ErrorKind, Request, Rpc, Scripted, State, Stub, StubMap, hooks::Place, wait_all,
};

fn saying(text: &'static str) -> Stub {
    Stub::over(Scripted::new().rule(|_| true, move |_| Answer::new(200, text)))
}

fn map(service: &str, text: &'static str) -> StubMap {
    let mut map = StubMap::new();
    map.register(service, saying(text)).unwrap();
    map
}

/// What a service answers.
fn asked(map: &StubMap, service: &str) -> Result<String, Option<ErrorKind>> {
    let response = map.make_sync_call(service, url("1"));
    let text = |response: urlfetch::Response| response.text().into_owned();
    response.map(text).map_err(|error| error.kind())
}

#[test]
fn a_service_without_a_stub_is_named_when_a_client_or_a_call_is_made() {
    let map = map("urlfetch", "here");
    let error = map.client("mail").map(drop).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Misuse);
    assert!(error.detail.contains("mail"), "{error}");
    let error = map.make_sync_call("mail", url("1")).unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Misuse));
    assert!(map.stub("mail").is_none() && map.stub("urlfetch").is_some());
}

#[test]
fn a_name_is_registered_once_and_replaced_at_any_time() {
    let mut map = map("urlfetch", "first");
    let error = map.register("urlfetch", saying("second")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Misuse);
    assert!(error.detail.contains("urlfetch"), "{error}");
    assert_eq!(asked(&map, "urlfetch").unwrap(), "first");
    map.replace("urlfetch", saying("third"));
    map.replace("mail", saying("post"));
    assert_eq!(asked(&map, "urlfetch").unwrap(), "third");
    assert_eq!(asked(&map, "mail").unwrap(), "post");
}

#[test]
fn the_default_answers_for_names_without_a_stub_of_their_own() {
    let mut map = StubMap::new();
    map.set_default(Some(saying("default")));
    assert_eq!(asked(&map, "mail").unwrap(), "default");
    map.register("mail", saying("post")).unwrap();
    assert_eq!(asked(&map, "mail").unwrap(), "post");
    assert_eq!(asked(&map, "urlfetch").unwrap(), "default");
    map.set_default(None);
    assert_eq!(asked(&map, "urlfetch"), Err(Some(ErrorKind::Misuse)));
    assert_eq!(asked(&map, "mail").unwrap(), "post");
}

#[test]
fn a_clone_has_the_same_stubs_and_is_independent() {
    let mut map = map("urlfetch", "first");
    map.set_default(Some(saying("default")));
    let notes = Notes::new();
    let note = |map: &StubMap, key: &'static str| {
        let notes = notes.clone();
        map.hooks(|hooks| hooks.add_pre(Place::Last, key, move |_, _| notes.add(key)))
    };
    note(&map, "both");
    let mut other = map.clone();
    note(&map, "map");
    note(&other, "other");
    other.replace("urlfetch", saying("second"));
    other.set_default(None);
    map.register("mail", saying("post")).unwrap();
    assert_eq!(asked(&map, "urlfetch").unwrap(), "first");
    assert_eq!(notes.take(), ["both", "map"]);
    assert_eq!(asked(&other, "urlfetch").unwrap(), "second");
    assert_eq!(notes.take(), ["both", "other"]);
    assert_eq!(asked(&map, "x").unwrap(), "default");
    assert_eq!(asked(&other, "mail"), Err(Some(ErrorKind::Misuse)));
    let shown = format!("{map:?}");
    assert!(
        shown.contains("urlfetch") && shown.contains("both"),
        "{shown}"
    );
}

#[test]
fn what_a_map_made_keeps_its_stub_and_runs_the_maps_hooks_only() {
    let notes = Notes::new();
    let mut map = map("urlfetch", "first");
    let client = map.client("urlfetch").unwrap();
    let rpc = client.create_rpc();
    map.replace("urlfetch", saying("second"));
    let noted = notes.clone();
    map.hooks(|hooks| hooks.add_pre(Place::Last, "late", move |_, _| noted.add("map")));
    let noted = notes.clone();
    Client::shared()
        .hooks(|hooks| hooks.add_pre(Place::Last, "k", move |_, _| noted.add("shared")));
    rpc.make_fetch_call(url("1")).unwrap();
    assert_eq!(rpc.get_result().unwrap().text(), "first");
    assert_eq!(client.fetch(url("1")).unwrap().text(), "first");
    assert_eq!(asked(&map, "urlfetch").unwrap(), "second");
    drop(map);
    assert_eq!(client.fetch(url("1")).unwrap().text(), "first");
    assert_eq!(notes.take(), ["map"; 4]);
}

#[test]
fn clients_of_one_stub_can_be_waited_for_together() {
    let mut map = StubMap::new();
    let stub = Stub::over(story::origins());
    map.register("a", stub.clone()).unwrap();
    map.register("b", stub).unwrap();
    let rpcs = ["a", "b"].map(|service| map.client(service).unwrap().create_rpc());
    for rpc in &rpcs {
        rpc.make_call(url("10")).unwrap();
    }
    wait_all(&rpcs).unwrap();
    assert!(rpcs.iter().all(|rpc| rpc.state() == State::Finishing));
}

#[test]
fn make_fetch_call_is_for_urlfetch_and_make_call_for_any_service() {
    let map = map("mail", "post");
    let rpc = map.client("mail").unwrap().create_rpc();
    assert_eq!((rpc.service(), rpc.client().service()), ("mail", "mail"));
    // Before anything else is looked at.
    let wrong = Request::get(url("1")).with_header("", "");
    let error = rpc.make_fetch_call(&wrong).unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Misuse));
    assert!(error.to_string().contains("mail"), "{error}");
    assert_eq!(rpc.state(), State::Idle);
    let error = rpc.make_call(&wrong).unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::InvalidArgument));
    rpc.make_call(url("1")).unwrap();
    assert_eq!(rpc.get_result().unwrap().text(), "post");
    assert_eq!(client().create_rpc().service(), "urlfetch");
}

#[test]
fn a_hook_may_be_for_one_service_only() {
    let notes = Notes::new();
    let mut map = map("urlfetch", "here");
    map.register("mail", saying("post")).unwrap();
    map.hooks(|hooks| {
        let (all, only) = (notes.clone(), notes.clone());
        assert!(hooks.add_pre(Place::Last, "all", move |rpc, _| all.add(rpc.service())));
        let slot = Place::First.only_for("mail");
        assert!(hooks.add_pre(slot.clone(), "only", move |_, _| only.add("only")));
        assert!(
            !hooks.add_pre(Place::Last, "only", |_, _| ()),
            "a key is taken for all services"
        );
        let (post, always) = (notes.clone(), notes.clone());
        hooks.add_post(slot.clone(), "post", move |_, _| post.add("post"));
        hooks.add_post_always(slot, "always", move |_, _| always.add("always"));
    });
    asked(&map, "urlfetch").unwrap();
    assert_eq!(notes.take(), ["urlfetch"]);
    asked(&map, "mail").unwrap();
    assert_eq!(notes.take(), ["only", "mail", "always", "post"]);
}

#[test]
fn a_function_is_called_between_the_hooks_and_has_no_rpcs() {
    let notes = Notes::new();
    let seen = notes.clone();
    let mut map = StubMap::new();
    map.replace(
        "urlfetch",
        Stub::function(move |request| {
            seen.add(format!("stub {}", request.url.as_str()));
            match request.url.path_and_query() {
                "/fail" => Answer::service_error(7, "no such host"),
                _ => Answer::new(201, "returned"),
            }
        }),
    );
    map.hooks(|hooks| {
        let (pre, post) = (notes.clone(), notes.clone());
        hooks.add_pre(Place::Last, "pre", move |_, _| pre.add("pre"));
        hooks.add_post_always(Place::Last, "post", move |_, outcome| match outcome {
            Ok(response) => post.add(response.text()),
            Err(error) => post.add(error.kind.name()),
        });
    });
    let response = map.make_sync_call("urlfetch", url("x")).unwrap();
    assert_eq!(
        (response.status, response.text().as_ref()),
        (201, "returned")
    );
    assert_eq!(
        notes.take(),
        ["pre", "stub https://example.com/x", "returned"]
    );
    let error = map.make_sync_call("urlfetch", url("fail")).unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::DnsLookupFailed));
    assert_eq!(
        notes.take(),
        ["pre", "stub https://example.com/fail", "dns-lookup-failed"]
    );
    let error = map.client("urlfetch").map(drop).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Misuse);
    assert!(error.detail.contains("urlfetch"), "{error}");
    let empty = map.make_sync_call("urlfetch", "").unwrap_err();
    assert_eq!(empty.kind(), Some(ErrorKind::InvalidUrl));
    assert_eq!(
        notes.take(),
        ["pre", "invalid-url"],
        "the stub is not asked"
    );
}

#[test]
fn a_synchronous_stub_executes_a_call_when_something_waits_for_it() {
    let script = Scripted::new().rule(|_| true, |_| Answer::new(200, "late"));
    let log = script.log();
    let mut map = StubMap::new();
    map.replace("urlfetch", Stub::over(script).synchronous());
    let client = map.client("urlfetch").unwrap();
    let rpcs: Vec<Rpc> = ["1", "2"]
        .map(|path| client.rpc().fetch(url(path)).unwrap())
        .into();
    client.progress();
    assert!(log.borrow().is_empty());
    rpcs[1].wait().unwrap();
    rpcs[0].wait().unwrap();
    assert_eq!(
        *log.borrow(),
        [url("2"), url("1")].map(|url| format!("GET {url}"))
    );
}

#[test]
fn the_installed_transport_is_the_instances() {
    urlfetch::install(Scripted::new().rule(|_| true, |_| Answer::new(200, "installed")));
    let mut map = StubMap::new();
    map.replace("urlfetch", Stub::installed());
    assert_eq!(asked(&map, "urlfetch").unwrap(), "installed");
    let own = map
        .client("urlfetch")
        .unwrap()
        .rpc()
        .fetch(url("1"))
        .unwrap();
    let shared = urlfetch::create_rpc().start(url("1")).unwrap();
    wait_all([&own, &shared]).unwrap();
}

#[test]
fn a_code_that_nobody_knows_is_raised_with_its_detail() {
    let script = Scripted::new().rule(|_| true, |_| Answer::service_error(4711, "as told"));
    let client = Client::with_transport(script);
    let rpc = client.rpc().fetch(url("1")).unwrap();
    for _ in 0..2 {
        let error = rpc.get_result().unwrap_err();
        let error = error.fetch().unwrap();
        assert_eq!((error.kind, error.code), (ErrorKind::Download, 4711));
        assert_eq!(error.detail, "as told");
    }
}

#[test]
fn an_idle_rpc_is_a_template_and_a_started_one_is_none() {
    let notes = Notes::new();
    let (map, noted) = (map("mail", "post"), notes.clone());
    let client = map.client("mail").unwrap();
    let template = client
        .rpc()
        .deadline(2.5)
        .callback(move |_| noted.add("template"));
    let template = template.create().unwrap();
    let copy = template.try_clone().unwrap();
    assert_eq!((copy.deadline(), copy.service()), (Some(2.5), "mail"));
    copy.make_call(url("1")).unwrap();
    assert_eq!(copy.get_result().unwrap().text(), "post");
    assert_eq!(
        notes.take(),
        [""; 0],
        "a callback is called once, and is the template's"
    );
    let error = copy.try_clone().map(drop).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Misuse);
    template.make_call(url("1")).unwrap();
    template.wait().unwrap();
    assert_eq!(notes.take(), ["template"]);
}

#[test]
fn a_stub_lives_as_long_as_something_uses_it() {
    let alive = Rc::new(());
    let held = Rc::clone(&alive);
    let mut map = StubMap::new();
    map.replace(
        "urlfetch",
        Stub::function(move |_| {
            let _ = &held;
            Answer::new(200, "")
        }),
    );
    let other = map.clone();
    drop(map);
    assert_eq!(Rc::strong_count(&alive), 2);
    drop(other);
    assert_eq!(Rc::strong_count(&alive), 1);
}
