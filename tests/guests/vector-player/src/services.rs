//! The steps on maps of stubs, and on the clients and calls that come of them.

use crate::expect::{Surprise, outcome, response};
use crate::{Player, request, text};
use serde_json::Value;
use std::rc::Rc;
use urlfetch::scripted::Seen;
use urlfetch::{Answer, Client, Error, Scripted, Stub, StubMap};

impl Player {
    pub(crate) fn services(self: &Rc<Self>, step: &Value) -> Result<(), Surprise> {
        match text(step, "do") {
            "client" | "client-of" => self.open(step),
            "map" => {
                let map = match step["clone-of"].as_str() {
                    Some(name) => self.with_map(name, |map| Ok(map.clone()))?,
                    None => StubMap::new(),
                };
                self.maps
                    .borrow_mut()
                    .insert(text(step, "map").to_owned(), map);
                Ok(())
            }
            "stub" => {
                let stub = self.stub(step);
                let name = text(step, "stub").to_owned();
                self.stubs.borrow_mut().insert(name, stub);
                Ok(())
            }
            "register" => {
                let stub = self.named_stub(text(step, "stub"))?;
                let done = self.with_map(text(step, "map"), |map| {
                    Ok(map.register(service(step), stub))
                })?;
                outcome(step, done.map_err(Error::from)).map(drop)
            }
            "replace" => {
                let stub = self.named_stub(text(step, "stub"))?;
                self.with_map(text(step, "map"), |map| {
                    map.replace(service(step), stub);
                    Ok(())
                })
            }
            "set-default" => {
                let stub = step["stub"].as_str();
                let stub = stub.map(|name| self.named_stub(name)).transpose()?;
                self.with_map(text(step, "map"), |map| {
                    map.set_default(stub);
                    Ok(())
                })
            }
            _ => {
                let seen = self.with_map(text(step, "map"), |map| {
                    let request = request(step);
                    Ok(request.and_then(|request| map.make_sync_call(service(step), request)))
                })?;
                match outcome(step, seen)? {
                    Some(seen) => response(&seen, &step["response"]),
                    None => Ok(()),
                }
            }
        }
    }

    /// A client of its own, or of a service of a map.
    fn open(&self, step: &Value) -> Result<(), Surprise> {
        let made = match step["map"].as_str() {
            Some(name) => {
                let made = self.with_map(name, |map| Ok(map.client(service(step))))?;
                outcome(step, made.map_err(Error::from))?
            }
            None => Some(Client::new()),
        };
        if let Some(client) = made {
            let set = client.set_allow_private(true);
            set.map_err(|error| error.to_string())?;
            let name = text(step, "client").to_owned();
            self.clients.borrow_mut().insert(name, client);
        }
        Ok(())
    }

    /// A stub over the world this program runs in, or one that answers by itself and is noted when it is asked.
    fn stub(self: &Rc<Self>, step: &Value) -> Stub {
        if step["installed"] == true {
            return Stub::installed();
        }
        if step["function"] == true {
            return Stub::function(self.answers(step, step));
        }
        let mut script = Scripted::new();
        match step["rules"].as_array() {
            Some(rules) => {
                for rule in rules {
                    let wanted = rule.clone();
                    let fits = move |seen: &Seen| fits(&wanted, seen);
                    script = script.rule(fits, self.answers(step, rule));
                }
            }
            None => script = script.rule(|_| true, self.answers(step, step)),
        }
        let stub = Stub::over(script);
        match step["synchronous"] == true {
            true => stub.synchronous(),
            false => stub,
        }
    }

    /// Notes that the stub was asked, and answers as the rule says.
    fn answers(self: &Rc<Self>, step: &Value, rule: &Value) -> impl Fn(&Seen) -> Answer + 'static {
        let (player, rule) = (Rc::clone(self), rule.clone());
        let name = text(step, "stub").to_owned();
        move |seen| {
            let asked = format!("{name} {} {}", seen.method.name(), seen.url.as_str());
            player.called.borrow_mut().push(asked);
            let content = text(&rule, "content");
            match rule["raises-code"].as_u64() {
                Some(code) => Answer::service_error(u32::try_from(code).unwrap_or(0), content),
                None => Answer::new(200, content),
            }
        }
    }

    fn named_stub(&self, name: &str) -> Result<Stub, Surprise> {
        let found = self.stubs.borrow().get(name).cloned();
        found.ok_or_else(|| format!("there is no stub {name}"))
    }

    /// A hook may come back to the maps, so the map is taken out while it works.
    fn with_map<T>(
        &self,
        name: &str,
        act: impl FnOnce(&mut StubMap) -> Result<T, Surprise>,
    ) -> Result<T, Surprise> {
        let taken = self.maps.borrow_mut().remove(name);
        let mut map = taken.ok_or_else(|| format!("there is no map {name}"))?;
        let done = act(&mut map);
        self.maps.borrow_mut().insert(name.to_owned(), map);
        done
    }
}

/// Whether a rule is for this request: by its method, its path, both, or neither.
fn fits(rule: &Value, seen: &Seen) -> bool {
    let is = |key: &str, seen: &str| rule[key].as_str().is_none_or(|wanted| wanted == seen);
    is("method", seen.method.name()) && is("path", seen.url.path_and_query())
}

fn service(step: &Value) -> &str {
    step["service"].as_str().unwrap_or("urlfetch")
}
