//! Plays the steps of one vector of the surface `rust`, given as JSON, through the Rust library. The judge has checked the format,
//! and looks at what the origin saw.

mod elsewhere;
mod expect;
mod hooks;
mod services;
mod waits;

use expect::{Surprise, outcome, response, same};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;
use urlfetch::{Canceller, Client, Error, ErrorKind, Method, Request, Rpc, Stub, StubMap};

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
    clients: RefCell<HashMap<String, Client>>,
    maps: RefCell<HashMap<String, StubMap>>,
    stubs: RefCell<HashMap<String, Stub>>,
    rpcs: RefCell<HashMap<String, Rc<Rpc>>>,
    cancellers: RefCell<HashMap<String, Canceller>>,
    /// What was called since somebody looked.
    called: RefCell<Vec<String>>,
    /// What went wrong inside a callback, where it cannot be returned.
    inside: RefCell<Option<Surprise>>,
}

/// Plays the steps of a vector, given as JSON, in order.
///
/// # Errors
/// With the first surprise, in one line.
pub fn play(text: &str) -> Result<(), String> {
    let vector: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let client = Client::new();
    client
        .set_allow_private(true)
        .map_err(|error| error.to_string())?;
    let player = Rc::new(Player {
        clients: RefCell::new(HashMap::from([("main".to_owned(), client)])),
        maps: RefCell::default(),
        stubs: RefCell::default(),
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
            "make-call" => {
                let request = request(step);
                let rpc = self.rpc(step)?;
                let started = request.and_then(|request| rpc.make_call(request));
                outcome(step, started).map(drop)
            }
            "client" | "client-of" | "map" | "stub" | "register" | "replace" | "set-default"
            | "make-sync-call" => self.services(step),
            "state" => {
                let state = format!("{:?}", self.rpc(step)?.state()).to_lowercase();
                same("the state", &state.as_str(), &text(step, "is"))
            }
            "wait" => outcome(step, self.rpc(step)?.wait()).map(drop),
            "check-success" => outcome(step, self.rpc(step)?.check_success()).map(drop),
            "get-result" => match outcome(step, self.rpc(step)?.get_result())? {
                Some(seen) => response(&seen, &step["response"]),
                None => Ok(()),
            },
            "deadline" => same(
                "the deadline",
                &self.rpc(step)?.deadline(),
                &step["seconds"].as_f64(),
            ),
            "service" => same("the service", &self.rpc(step)?.service(), &text(step, "is")),
            "cancel" => same(
                "what cancel returns",
                &self.rpc(step)?.cancel(),
                &(step["was-running"] == true),
            ),
            "drop-rpc" => {
                let dropped = self.rpcs.borrow_mut().remove(text(step, "rpc"));
                dropped.map(drop).ok_or("there is no such rpc".to_owned())
            }
            "clone-rpc" => {
                let cloned = self.rpc(step)?.try_clone().map_err(Error::from);
                if let Some(rpc) = outcome(step, cloned)? {
                    self.keep(text(step, "as"), rpc);
                }
                Ok(())
            }
            "wait-any" => self.wait_any(step),
            "wait-all" => self.wait_all(step),
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
            "clear-hooks" => self.hooks(step, |hooks| match text(step, "when") {
                "pre" => hooks.pre.clear(),
                _ => hooks.post.clear(),
            }),
            "hooks" => {
                let seen = self.hooks(step, |hooks| match text(step, "when") {
                    "pre" => (hooks.pre.len(), hooks.pre.is_empty()),
                    _ => (hooks.post.len(), hooks.post.is_empty()),
                })?;
                let count = step["count"].as_u64().unwrap_or_default();
                let count = usize::try_from(count).unwrap_or_default();
                same("the number of hooks", &seen, &(count, count == 0))
            }
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
                // A guest's sleep waits for the host's clock, which is virtual wherever times are judged. That nothing of ours runs
                // meanwhile is what the step says.
                std::thread::sleep(Duration::from_secs_f64(seconds));
                Ok(())
            }
            "set" => self.set(step),
            other => Err(format!("the player does not know {other}")),
        }
    }

    fn create(&self, step: &Value) -> Result<(), Surprise> {
        let mut builder = self.client(step)?.rpc();
        if let Some(seconds) = step["deadline"].as_f64() {
            builder = builder.deadline(seconds);
        }
        if let Some(rpc) = outcome(step, builder.create().map_err(Error::from))? {
            self.keep(text(step, "rpc"), rpc);
        }
        Ok(())
    }

    fn keep(&self, name: &str, rpc: Rpc) {
        self.rpcs.borrow_mut().insert(name.to_owned(), Rc::new(rpc));
    }

    fn make_fetch_call(&self, step: &Value) -> Result<(), Surprise> {
        let rpc = self.rpc(step)?;
        let started = request(step).and_then(|request| rpc.make_fetch_call(request));
        outcome(step, started).map(drop)
    }

    fn set(&self, step: &Value) -> Result<(), Surprise> {
        let client = self.client(step)?;
        type Set = fn(&Client, bool) -> Result<(), ErrorKind>;
        let switches: [(&str, Set); 3] = [
            ("development-mode", Client::set_development_mode),
            ("keep-credentials", Client::set_keep_credentials),
            (
                "truncation-passes-check",
                Client::set_truncation_passes_check,
            ),
        ];
        let mut made = Vec::new();
        for (key, set) in switches {
            made.extend(step[key].as_bool().map(|on| set(&client, on)));
        }
        if let Some(seconds) = step["default-deadline"].as_f64() {
            made.push(client.set_default_deadline(Some(seconds)));
        }
        if let Some(bytes) = step["max-response"].as_u64() {
            made.push(client.set_max_response(u32::try_from(bytes).unwrap_or(u32::MAX)));
        }
        if made.is_empty() {
            return Err("the player does not know this setting".to_owned());
        }
        let failed = made.into_iter().find_map(Result::err);
        same(
            "what the setting fails with",
            &failed.map(ErrorKind::name),
            &step["error"].as_str(),
        )
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

    fn client(&self, step: &Value) -> Result<Client, Surprise> {
        let name = step["client"].as_str().unwrap_or("main");
        let found = self.clients.borrow().get(name).cloned();
        found.ok_or_else(|| format!("there is no client {name}"))
    }
}

/// The step's request; a method that is none fails as make-fetch-call does.
fn request(step: &Value) -> Result<Request, Error> {
    let given = &step["request"];
    let url = given.as_str().unwrap_or_else(|| text(given, "url"));
    let method = Method::parse(given["method"].as_str().unwrap_or("GET"))?;
    let payload = given["payload"].as_str().unwrap_or_default();
    let mut request = Request::new(url)
        .with_method(method)
        .with_payload(payload)
        .with_allow_truncated(given["allow-truncated"] == true);
    for line in given["headers"].as_array().into_iter().flatten() {
        let text = |index: usize| line[index].as_str().unwrap_or_default();
        request = request.with_header(text(0), text(1));
    }
    Ok(request)
}

fn names(step: &Value) -> Vec<&str> {
    let names = step["rpcs"].as_array().into_iter().flatten();
    names.filter_map(Value::as_str).collect()
}

fn text<'a>(step: &'a Value, key: &str) -> &'a str {
    step[key].as_str().unwrap_or_default()
}
