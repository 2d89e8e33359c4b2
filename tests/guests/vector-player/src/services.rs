//! The steps on maps of stubs, and on the clients and calls that come of them.

use crate::expect::{Surprise, outcome, response};
use crate::{Player, request, text};
use serde_json::Value;
use std::rc::Rc;
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
        let (player, step) = (Rc::clone(self), step.clone());
        let functions = step["function"] == true;
        let synchronous = step["synchronous"] == true;
        let answer = move |seen: &urlfetch::scripted::Seen| {
            let name = text(&step, "stub");
            let asked = format!("{name} {} {}", seen.method.name(), seen.url.as_str());
            player.called.borrow_mut().push(asked);
            let content = text(&step, "content");
            match step["raises-code"].as_u64() {
                Some(code) => Answer::service_error(u32::try_from(code).unwrap_or(0), content),
                None => Answer::new(200, content),
            }
        };
        if functions {
            return Stub::function(answer);
        }
        let stub = Stub::over(Scripted::new().rule(|_| true, answer));
        if synchronous {
            stub.synchronous()
        } else {
            stub
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

fn service(step: &Value) -> &str {
    step["service"].as_str().unwrap_or("urlfetch")
}
