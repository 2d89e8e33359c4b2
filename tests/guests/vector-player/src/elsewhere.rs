//! Another source file that registers hooks: another module, in the words of the source (semantics.md 7.4).

use crate::Raised;
use urlfetch::hooks::{Hooks, Slot};

/// Adds a hook that knows what to do. False when its key is taken here.
pub(crate) fn add(
    hooks: &mut Hooks,
    slot: Slot,
    key: &'static str,
    call: impl Fn(String) -> Result<(), Raised> + 'static,
) -> bool {
    hooks.add_pre(slot, key, move |_, _| call(format!("{key} elsewhere")))
}
