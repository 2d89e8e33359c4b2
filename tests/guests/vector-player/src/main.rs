//! Plays the steps of one vector of the surface `rust`, given as JSON, through the Rust library. The host has checked the format,
//! and looks at what the origin saw; the first surprise is printed, and the exit code is then 1.

use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt::{self, Debug};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;
use urlfetch::hooks::Place;
use urlfetch::{Canceller, Client, Error, Method, Request, Rpc, Waitable, wait_all, wait_any};

type Surprise = String;

/// What a callback or a hook raises.
#[derive(Debug)]
struct Raised;

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("raised by the vector")
    }
}

impl std::error::Error for Raised {}

/// Everything that steps share. Callbacks hold it as well.
struct Player {
    client: Client,
    rpcs: RefCell<HashMap<String, Rc<Rpc>>>,
    cancellers: RefCell<HashMap<String, Canceller>>,
    /// What was called since somebody looked.
    called: RefCell<Vec<String>>,
    /// What went wrong inside a callback, where it cannot be returned.
    inside: RefCell<Option<Surprise>>,
}

fn main() -> ExitCode {
    let text = std::env::args().nth(1).unwrap_or_default();
    match play(&text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(surprise) => {
            println!("{surprise}");
            ExitCode::FAILURE
        }
    }
}

fn play(text: &str) -> Result<(), Surprise> {
    let vector: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let client = Client::new();
    client
        .set_allow_private(true)
        .map_err(|error| error.to_string())?;
    let player = Rc::new(Player {
        client,
        rpcs: RefCell::default(),
        cancellers: RefCell::default(),
        called: RefCell::default(),
        inside: RefCell::default(),
    });
    player.steps(&vector["steps"])
}

impl Player {
    fn steps(self: &Rc<Self>, steps: &Value) -> Result<(), Surprise> {
        for (index, step) in steps.as_array().into_iter().flatten().enumerate() {
            for _ in 0..step["times"].as_u64().unwrap_or(1) {
                let done = self.step(step);
                let done = done.and_then(|()| self.inside.take().map_or(Ok(()), Err));
                done.map_err(|surprise| format!("step {index} ({}): {surprise}", step["do"]))?;
            }
        }
        Ok(())
    }

    fn step(self: &Rc<Self>, step: &Value) -> Result<(), Surprise> {
        match text(step, "do") {
            "create-rpc" => self.create(step),
            "start" => {
                self.create(step)?;
                self.make_fetch_call(step)
            }
            "make-fetch-call" => self.make_fetch_call(step),
            "state" => {
                let state = format!("{:?}", self.rpc(step)?.state()).to_lowercase();
                same("the state", &state.as_str(), &text(step, "is"))
            }
            "wait" => self.outcome(step, self.rpc(step)?.wait()).map(drop),
            "check-success" => self
                .outcome(step, self.rpc(step)?.check_success())
                .map(drop),
            "get-result" => {
                let Some(response) = self.outcome(step, self.rpc(step)?.get_result())? else {
                    return Ok(());
                };
                let expected = &step["response"];
                let status = expected["status"].as_u64().unwrap_or(200);
                same("the status", &u64::from(response.status), &status)?;
                let content = String::from_utf8_lossy(&response.content).into_owned();
                match expected["content"].as_str() {
                    Some(expected) => same("the content", &content.as_str(), &expected),
                    None => Ok(()),
                }
            }
            "wait-any" => self.wait_any(step),
            "wait-all" => {
                let rpcs = self.named(step)?;
                let waited = wait_all(rpcs.iter().map(|rpc| &**rpc));
                self.outcome(step, waited).map(drop)
            }
            "canceller" => {
                let name = text(step, "canceller").to_owned();
                self.cancellers.borrow_mut().insert(name, Canceller::new());
                Ok(())
            }
            "cancel-wait" => {
                let cancellers = self.cancellers.borrow();
                let canceller = cancellers.get(text(step, "canceller"));
                canceller.ok_or("there is no such canceller")?.cancel();
                Ok(())
            }
            "callback" => self.callback(step),
            "hook" => self.hook(step),
            "called" => {
                let called = self.called.take();
                let expected: Vec<_> = step["names"].as_array().into_iter().flatten().collect();
                same(
                    "what was called",
                    &called.iter().map(String::as_str).collect::<Vec<_>>(),
                    &expected.iter().filter_map(|name| name.as_str()).collect(),
                )
            }
            "pass" => {
                let seconds = step["seconds"].as_f64().unwrap_or_default();
                std::thread::sleep(Duration::from_secs_f64(seconds));
                Ok(())
            }
            "set" => {
                let on = step["development-mode"].as_bool().unwrap_or_default();
                let set = self.client.set_development_mode(on);
                set.map_err(|error| error.to_string())
            }
            other => Err(format!("the player does not know {other}")),
        }
    }

    fn create(&self, step: &Value) -> Result<(), Surprise> {
        let mut builder = self.client.rpc();
        if let Some(seconds) = step["deadline"].as_f64() {
            builder = builder.deadline(seconds);
        }
        let rpc = builder.create().map_err(|error| error.to_string())?;
        self.rpcs
            .borrow_mut()
            .insert(text(step, "rpc").to_owned(), Rc::new(rpc));
        Ok(())
    }

    fn make_fetch_call(&self, step: &Value) -> Result<(), Surprise> {
        let given = &step["request"];
        let url = given.as_str().unwrap_or_else(|| text(given, "url"));
        let method = given["method"].as_str().unwrap_or("GET");
        let started = Method::parse(method)
            .map_err(Error::from)
            .and_then(|method| {
                let payload = given["payload"].as_str().unwrap_or_default();
                let request = Request::new(url).with_method(method).with_payload(payload);
                self.rpc(step)
                    .map_err(|_| Error::from(urlfetch::ErrorKind::Misuse))?
                    .make_fetch_call(request)
            });
        self.outcome(step, started).map(drop)
    }

    fn wait_any(&self, step: &Value) -> Result<(), Surprise> {
        let names: Vec<&str> = names(step);
        let rpcs = self.rpcs.borrow().clone();
        let cancellers = self.cancellers.borrow().clone();
        let mut members: Vec<Waitable<'_>> = Vec::new();
        for name in &names {
            match (rpcs.get(*name), cancellers.get(*name)) {
                (Some(rpc), _) => members.push((&**rpc).into()),
                (None, Some(canceller)) => members.push(canceller.into()),
                (None, None) => return Err(format!("there is no {name}")),
            }
        }
        let Some(chosen) = self.outcome(step, wait_any(members))? else {
            return Ok(());
        };
        let found = match chosen {
            None => "nothing".to_owned(),
            Some(Waitable::Rpc(chosen)) => {
                let is_chosen = |name: &&&str| {
                    rpcs.get(**name)
                        .is_some_and(|rpc| std::ptr::eq(&**rpc, chosen))
                };
                format!(
                    "finished {}",
                    names.iter().find(is_chosen).unwrap_or(&"a stranger")
                )
            }
            Some(Waitable::Canceller(_)) => "interrupted".to_owned(),
        };
        let expected = match step["finished"].as_str() {
            Some(name) => format!("finished {name}"),
            None if step["interrupted"] == true => "interrupted".to_owned(),
            None if step["nothing"] == true => "nothing".to_owned(),
            None => return Err("the step must say how wait-any ends".to_owned()),
        };
        same("wait-any", &found, &expected)
    }

    fn callback(self: &Rc<Self>, step: &Value) -> Result<(), Surprise> {
        let rpc = self.rpc(step)?;
        if step["none"] == true {
            rpc.clear_callback();
            return Ok(());
        }
        let note = match step["as"].as_str() {
            Some(name) => name.to_owned(),
            None => format!("callback {}", text(step, "rpc")),
        };
        let (player, steps) = (Rc::clone(self), step["steps"].clone());
        let raises = step["raises"] == true;
        rpc.set_callback(move |_| {
            player.called.borrow_mut().push(note.clone());
            if let Err(surprise) = player.steps(&steps) {
                player
                    .inside
                    .replace(Some(format!("in {note}: {surprise}")));
            }
            if !steps.is_null() {
                player.called.borrow_mut().push(format!("end of {note}"));
            }
            if raises { Err(Raised) } else { Ok(()) }
        });
        Ok(())
    }

    fn hook(self: &Rc<Self>, step: &Value) -> Result<(), Surprise> {
        let name = text(step, "hook").to_owned();
        // A key is kept for ever, as in a program's source.
        let key: &'static str = Box::leak(name.clone().into_boxed_str());
        let place = if step["first"] == true {
            Place::First
        } else {
            Place::Last
        };
        let player = Rc::clone(self);
        let left = Cell::new(step["raises"].as_u64().unwrap_or_default());
        let call = move |note: String| {
            player.called.borrow_mut().push(note);
            let raises = left.get() > 0;
            left.set(left.get().saturating_sub(1));
            if raises { Err(Raised) } else { Ok(()) }
        };
        let added =
            self.client.hooks(
                |hooks| match (text(step, "when"), step["sees-error"] == true) {
                    ("pre", _) => hooks.add_pre(place, key, move |rpc, _| {
                        call(format!("{name} {:?}", rpc.state()).to_lowercase())
                    }),
                    (_, false) => hooks.add_post(place, key, move |_, response| {
                        call(format!("{name} {}", response.status))
                    }),
                    (_, true) => {
                        hooks.add_post_always(place, key, move |_, outcome| match outcome {
                            Ok(response) => call(format!("{name} {}", response.status)),
                            Err(error) => call(format!("{name} {}", error.kind)),
                        })
                    }
                },
            );
        same("whether it was added", &added, &(step["taken"] != true))
    }

    /// Success when no error is expected; then what was given.
    fn outcome<T>(&self, step: &Value, seen: Result<T, Error>) -> Result<Option<T>, Surprise> {
        let expected = step["error"]["kind"].as_str();
        match (seen, expected) {
            (Ok(given), None) => Ok(Some(given)),
            (Err(error), Some(expected)) => {
                let kind = match &error {
                    Error::Callback(_) => "callback",
                    Error::Hook(_) => "hook",
                    other => other.kind().map_or("unknown", |kind| kind.name()),
                };
                same("the kind", &kind, &expected).map(|()| None)
            }
            (Ok(_), Some(expected)) => Err(format!("it must fail with {expected}, and succeeds")),
            (Err(error), None) => Err(format!("it must succeed, and fails: {error}")),
        }
    }

    fn named(&self, step: &Value) -> Result<Vec<Rc<Rpc>>, Surprise> {
        let rpcs = self.rpcs.borrow();
        let find = |name: &str| {
            rpcs.get(name)
                .cloned()
                .ok_or(format!("there is no rpc {name}"))
        };
        names(step).into_iter().map(find).collect()
    }

    fn rpc(&self, step: &Value) -> Result<Rc<Rpc>, Surprise> {
        let name = text(step, "rpc");
        let found = self.rpcs.borrow().get(name).cloned();
        found.ok_or_else(|| format!("there is no rpc {name}"))
    }
}

fn names(step: &Value) -> Vec<&str> {
    let names = step["rpcs"].as_array().into_iter().flatten();
    names.filter_map(Value::as_str).collect()
}

fn text<'a>(step: &'a Value, key: &str) -> &'a str {
    step[key].as_str().unwrap_or_default()
}

fn same<T: PartialEq + Debug>(what: &str, seen: &T, expected: &T) -> Result<(), Surprise> {
    if seen == expected {
        return Ok(());
    }
    Err(format!("{what} must be {expected:?}, and is {seen:?}"))
}
