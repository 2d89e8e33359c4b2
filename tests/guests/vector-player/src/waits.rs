//! The steps that wait for several rpcs.

use crate::expect::{Surprise, outcome, same};
use crate::{Player, names, text};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use urlfetch::{Canceller, Error, Rpc, Waitable, wait_all, wait_any};

/// A member of a set: rpcs by their ids.
struct ById<'a>(&'a Rpc);

impl Ord for ById<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.id().cmp(&other.0.id())
    }
}

impl PartialOrd for ById<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ById<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.id() == other.0.id()
    }
}

impl Eq for ById<'_> {}

impl<'a> From<ById<'a>> for Waitable<'a> {
    fn from(member: ById<'a>) -> Self {
        member.0.into()
    }
}

/// Waits for any of the rpcs as members of a collection of this kind.
fn wait_any_of<'a>(kind: &str, rpcs: &'a [Rc<Rpc>]) -> Option<Result<Option<Waitable<'a>>, Error>> {
    let rpcs = rpcs.iter().map(|rpc| &**rpc);
    Some(match kind {
        "iterator" => wait_any(rpcs),
        "tuple" => wait_any(<[&Rpc; 2]>::try_from(rpcs.collect::<Vec<_>>()).ok()?),
        "set" => wait_any(rpcs.map(ById).collect::<BTreeSet<_>>()),
        "mapping" => wait_any(
            rpcs.map(|rpc| (rpc.id(), rpc))
                .collect::<BTreeMap<_, _>>()
                .values(),
        ),
        _ => return None,
    })
}

impl Player {
    pub(crate) fn wait_any(&self, step: &Value) -> Result<(), Surprise> {
        let names: Vec<&str> = names(step);
        let rpcs = self.rpcs.borrow().clone();
        let cancellers = self.cancellers.borrow().clone();
        let given;
        let waited = match step["from"].as_str() {
            Some(kind) => {
                given = self.named(step)?;
                let unknown = || format!("the player makes no {kind} of these");
                wait_any_of(kind, &given).ok_or_else(unknown)?
            }
            None => wait_any(members(&names, &rpcs, &cancellers)?),
        };
        let Some(chosen) = outcome(step, waited)? else {
            return Ok(());
        };
        let found = match chosen {
            None => "nothing".to_owned(),
            Some(Waitable::Rpc(chosen)) => {
                let is_chosen = |name: &&&str| {
                    rpcs.get(**name)
                        .is_some_and(|rpc| std::ptr::eq(&**rpc, chosen))
                };
                let name = names.iter().find(is_chosen).unwrap_or(&"a stranger");
                format!("finished {name}")
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

    pub(crate) fn wait_all(&self, step: &Value) -> Result<(), Surprise> {
        let rpcs = self.named(step)?;
        let rpcs = rpcs.iter().map(|rpc| &**rpc);
        let waited = match text(step, "from") {
            "set" => wait_all(
                rpcs.map(ById)
                    .collect::<BTreeSet<_>>()
                    .iter()
                    .map(|by| by.0),
            ),
            _ => wait_all(rpcs),
        };
        outcome(step, waited).map(drop)
    }
}

fn members<'a>(
    names: &[&str],
    rpcs: &'a HashMap<String, Rc<Rpc>>,
    cancellers: &'a HashMap<String, Canceller>,
) -> Result<Vec<Waitable<'a>>, Surprise> {
    let member = |name: &&str| match (rpcs.get(*name), cancellers.get(*name)) {
        (Some(rpc), _) => Ok((&**rpc).into()),
        (None, Some(canceller)) => Ok(canceller.into()),
        (None, None) => Err(format!("there is no {name}")),
    };
    names.iter().map(member).collect()
}
