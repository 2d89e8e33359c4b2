//! The steps that register hooks.

use crate::expect::{Surprise, same};
use crate::{Player, Raised, elsewhere, text};
use serde_json::Value;
use std::cell::Cell;
use std::rc::Rc;
use urlfetch::Rpc;
use urlfetch::hooks::{Hooks, Place};

/// What a hook is a method of, when it is one: it counts its calls.
struct Receiver {
    name: String,
    calls: Cell<u32>,
}

impl Receiver {
    fn note(&self, hook: &str, rpc: &Rpc) -> String {
        self.calls.set(self.calls.get() + 1);
        let state = format!("{:?}", rpc.state()).to_lowercase();
        format!("{} {hook} {} {state}", self.name, self.calls.get())
    }
}

impl Player {
    /// The hooks of the step's map or client.
    pub(crate) fn hooks<T>(
        &self,
        step: &Value,
        change: impl FnOnce(&mut Hooks) -> T,
    ) -> Result<T, Surprise> {
        match step["map"].as_str() {
            Some(name) => match self.maps.borrow().get(name) {
                Some(map) => Ok(map.hooks(change)),
                None => Err(format!("there is no map {name}")),
            },
            None => Ok(self.client(step)?.hooks(change)),
        }
    }

    pub(crate) fn hook(self: &Rc<Self>, step: &Value) -> Result<(), Surprise> {
        let name = text(step, "hook").to_owned();
        // A key is kept for ever, as in a program's source.
        let key: &'static str = Box::leak(name.clone().into_boxed_str());
        let place = match step["first"] == true {
            true => Place::First,
            false => Place::Last,
        };
        let slot = match step["service"].as_str() {
            Some(service) => place.only_for(service),
            None => place.into(),
        };
        let player = Rc::clone(self);
        let left = Cell::new(step["raises"].as_u64().unwrap_or_default());
        let call = move |note: String| {
            player.called.borrow_mut().push(note);
            let raises = left.get() > 0;
            left.set(left.get().saturating_sub(1));
            if raises { Err(Raised) } else { Ok(()) }
        };
        let added = self.hooks(step, |hooks| {
            if step["elsewhere"] == true {
                return elsewhere::add(hooks, slot, key, call);
            }
            if let Some(receiver) = step["receiver"].as_str() {
                let receiver = Receiver {
                    name: receiver.to_owned(),
                    calls: Cell::new(0),
                };
                return hooks.add_pre(slot, key, move |rpc, _| call(receiver.note(&name, rpc)));
            }
            match (text(step, "when"), step["sees-error"] == true) {
                ("pre", _) => hooks.add_pre(slot, key, move |rpc, _| {
                    call(format!("{name} {:?}", rpc.state()).to_lowercase())
                }),
                (_, false) => hooks.add_post(slot, key, move |_, response| {
                    call(format!("{name} {}", response.status))
                }),
                (_, true) => hooks.add_post_always(slot, key, move |_, outcome| match outcome {
                    Ok(response) => call(format!("{name} {}", response.status)),
                    Err(error) => call(format!("{name} {}", error.kind)),
                }),
            }
        })?;
        same("whether it was added", &added, &(step["taken"] != true))
    }
}
