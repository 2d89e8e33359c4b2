//! Every vector in every world, and the proof that vectors can fail.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use tokio::runtime::Runtime;
use urlfetch_host::serve::{App, AppOptions, ServeOptions, Server, listen};
use urlfetch_host::{Part, Sender, SenderOptions};
use urlfetch_tests::vectors::{
    Case, Ended, Need, Target, WorldName, app, cut_off, expectations, falsehoods, load_all, parse,
    play, run, shown_elsewhere, uncovered,
};

fn cases() -> Vec<Case> {
    load_all().unwrap_or_else(|error| panic!("{error}"))
}

fn conforms(world: &WorldName) {
    let cases = cases();
    let known = expectations(world.name(), &cases).unwrap_or_else(|error| panic!("{error}"));
    let entries = run(&cases, world, &known);
    let surprises: Vec<_> = entries
        .iter()
        .filter(|entry| entry.is_surprise())
        .map(|entry| {
            let reason = entry.reason.as_deref().unwrap_or_default();
            format!("{} {:?}: {reason}", entry.vector, entry.outcome)
        })
        .collect();
    assert!(surprises.is_empty(), "{world}:\n{}", surprises.join("\n"));
}

#[test]
fn every_vector_holds_in_virtual_time() {
    conforms(&WorldName::Virtual);
}

#[test]
fn every_vector_holds_over_sockets_through_our_sender() {
    conforms(&WorldName::Pooled);
}

#[test]
fn every_vector_holds_over_sockets_through_the_stock_sender() {
    conforms(&WorldName::Stock);
}

/// As `urlfetch conformance` judges any host, and the host is `urlfetch serve`. What it adds to our sender must be nothing.
#[test]
fn every_vector_holds_in_the_app_that_is_served() {
    let runtime = Runtime::new().unwrap();
    let target = runtime.block_on(async {
        let part = Part {
            name: "the conformance app".to_owned(),
            bytes: app().unwrap(),
        };
        let options = AppOptions {
            instances: 32,
            cache: Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("machine-code")),
        };
        let app = App::load(part, &options).await.unwrap();
        let sender = Sender::new(SenderOptions::default()).unwrap();
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::new(app, sender, ServeOptions::default(), listener, None);
        // For as long as the runtime is there.
        tokio::spawn(server.run(std::future::pending()));
        Target::find(&url).await.unwrap()
    });
    conforms(&WorldName::Served {
        host: "pooled".to_owned(),
        target,
    });
}

#[test]
fn a_target_without_the_app_is_one_line_and_exit_code_2() {
    let judged = Command::new(env!("CARGO_BIN_EXE_urlfetch-conformance"))
        // Nobody can listen there.
        .args(["--target", "http://127.0.0.1:0"])
        .output()
        .unwrap();
    let stderr = String::from_utf8(judged.stderr).unwrap();
    assert_eq!(judged.status.code(), Some(2), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(
        stderr.starts_with("conformance: --target 'http://127.0.0.1:0': cannot be reached: "),
        "{stderr}"
    );
}

/// The suite of vectors, judged by itself: what stays green with a false expectation looks at nothing.
#[test]
fn each_expectation_of_each_vector_is_seen_when_it_is_false() {
    let mut families: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for case in cases() {
        if !case.needs.contains(&Need::Sockets) {
            let family = case.name.split('/').next().unwrap_or_default().to_owned();
            families.entry(family).or_default().push(case);
        }
    }
    thread::scope(|scope| {
        let falsify =
            |cases: &[Case]| -> Vec<String> { cases.iter().flat_map(stay_green).collect() };
        let families: Vec<_> = families
            .values()
            .map(|cases| scope.spawn(move || falsify(cases)))
            .collect();
        let green: Vec<String> = families
            .into_iter()
            .flat_map(|family| family.join().expect("it does not panic"))
            .collect();
        assert!(green.is_empty(), "{}", green.join("\n"));
    });
}

/// The false expectations with which a vector passes.
fn stay_green(case: &Case) -> Vec<String> {
    let falsehoods = falsehoods(case);
    if falsehoods.is_empty() {
        return vec![format!("{} expects nothing", case.name)];
    }
    let green = falsehoods
        .into_iter()
        .filter(|falsehood| play(&falsehood.case, &WorldName::Virtual) == Ended::Passed);
    green
        .map(|falsehood| format!("{} stays green with {}", case.name, falsehood.planted))
        .collect()
}

/// A host may end an instance at any time: between two calls and in the middle of one, in a callback too.
#[test]
fn an_instance_that_is_ended_at_any_step_of_any_vector_lets_every_origin_go() {
    let cases: Vec<_> = cases()
        .into_iter()
        .filter(|case| case.needs.iter().all(|need| WorldName::Virtual.has(*need)))
        .collect();
    assert!(cases.len() > 100, "{} vectors", cases.len());
    let surprises: Vec<String> = cases.iter().filter_map(clings).collect();
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}

/// How a vector fails that is cut off: after each of its first polls, then ever more rarely.
fn clings(case: &Case) -> Option<String> {
    let mut polls = 0;
    loop {
        match cut_off(case, polls) {
            Ok(true) => return None,
            Ok(false) => polls += 1 + polls / 16,
            Err(surprise) => return Some(format!("{} after {polls}: {surprise}", case.name)),
        }
    }
}

#[test]
fn a_name_tells_one_vector_from_the_others_and_a_title_is_a_claim() {
    let titles: BTreeSet<String> = cases()
        .iter()
        .map(|case| case.vector.title.clone())
        .collect();
    assert_eq!(titles.len(), cases().len(), "two vectors claim the same");
}

/// That a vector passes somewhere is shown by the others.
#[test]
fn each_case_has_a_vector_or_something_else_that_shows_it() {
    let cases = cases();
    let elsewhere = shown_elsewhere(&cases).unwrap_or_else(|error| panic!("{error}"));
    let ids = uncovered(&[]).unwrap_or_else(|error| panic!("{error}"));
    assert!(ids.len() > 150, "all ids are there when nothing was played");
    let has_vector = |id: &String| cases.iter().any(|case| case.vector.cases.contains(id));
    let missing = ids
        .iter()
        .filter(|id| !has_vector(id) && !elsewhere.contains_key(*id));
    assert_eq!(missing.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn what_is_malformed_is_told_in_one_line_that_names_file_and_key() {
    let good = "title = \"t\"\ncases = [\"RPC-01\"]\nrequests = 0\nsteps = []\n";
    parse("a/b", good).unwrap();
    for (text, told) in [
        ("title = ", "a/b:1: "),
        ("\ntitle = \"a\"\ntitle = \"b\"", "a/b:3: "),
        (
            "title = \"t\"\nsteps = []\nrequests = 0",
            "a/b: vector: missing field `cases`",
        ),
        (
            &good.replace("RPC-01", "RPC-1"),
            "a/b: cases: RPC-1 is no id of a case",
        ),
        (
            &good.replace("[]", "[{ do = \"wait\" }]"),
            "a/b: steps[0]: missing field `rpc`",
        ),
        (
            &good.replace("[]", "[{ do = \"progress\" }, { do = \"sing\" }]"),
            "a/b: steps[1]: unknown variant `sing`",
        ),
        (
            &good.replace(
                "[]",
                "[{ do = \"state\", rpc = \"a\", is = \"idle\", was = 1 }]",
            ),
            "a/b: steps[0]: unknown field `was`",
        ),
        (
            &format!("{good}[origin]\n\"/\" = [{{ fail = \"DNS-eror\" }}]"),
            "a/b: origin.\"/\"[0]: \"DNS-eror\" is no error code of wasi:http",
        ),
        (
            &good.replace("[]", "[{ do = \"pass\", seconds = 2 }]"),
            "a/b: needs: \"virtual-time\" is missing",
        ),
        (
            &format!("{}\n[[each]]\nx = 1", good.replace("\"t\"", "\"$y\"")),
            "a/b: each: $y is in no row",
        ),
        (
            &good.replace("[]", "[{ do = \"end\" }, { do = \"progress\" }]"),
            "a/b: steps: end is the last one",
        ),
        (
            &good.replace("[]", "[{ do = \"called\", names = [] }]"),
            "a/b: surface: callbacks, hooks, cancellers and maps of stubs need \"rust\"",
        ),
    ] {
        let error = parse("a/b", text).expect_err(text).to_string();
        assert!(
            error.starts_with(told),
            "{error}\nbut must begin with {told}"
        );
        assert!(!error.contains('\n'), "{error}");
    }
}
