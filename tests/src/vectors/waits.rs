//! The steps that wait for several rpcs: `wait-any`, `turn`, and the `wait-all` that a binding makes of it.

use super::act::Actor;
use super::call::{Call, Key};
use super::expect::{self, Surprise, same};
use super::op::Op;
use urlfetch_host::bindings::fetch::{State, Turned, Waited};
use urlfetch_host::bindings::types::FetchError;

impl Actor {
    pub(super) async fn wait_any(&mut self, op: &Op) -> Result<(), Surprise> {
        let Op::WaitAny {
            rpcs: names,
            until,
            finished,
            due,
            interrupted,
            nothing,
            error,
            ..
        } = op
        else {
            return Ok(());
        };
        let mut rpcs = Vec::new();
        for name in names {
            rpcs.push(self.rpc(name)?);
        }
        let until = until.as_ref().map(|timer| self.timer(timer)).transpose()?;
        let waited: Result<Waited, FetchError> =
            self.subject.ask(Call::WaitAny(rpcs, until)).await?;
        let Some(waited) = expect::outcome(waited, error.as_ref())? else {
            return Ok(());
        };
        let expected = match (finished, interrupted, nothing) {
            (Some(name), ..) => format!("finished {name}"),
            (None, true, _) => "interrupted".into(),
            (None, false, true) => "nothing".into(),
            (None, false, false) => return Err("the step must say how wait-any ends".into()),
        };
        let seen = match &waited {
            Waited::Finished(finished) => match names.get(finished.index as usize) {
                Some(name) => format!("finished {name}"),
                None => return Err(format!("index {} is in no list", finished.index)),
            },
            Waited::Interrupted => "interrupted".into(),
            Waited::Nothing => "nothing".into(),
        };
        same("wait-any", &seen, &expected)?;
        match (waited, due) {
            (Waited::Finished(finished), Some(due)) => {
                same("callback-due", &finished.callback_due, due)
            }
            _ => Ok(()),
        }
    }

    /// The names in the order in which their callbacks are run.
    pub(super) async fn wait_all(
        &mut self,
        names: &[String],
        client: &str,
    ) -> Result<Vec<String>, Surprise> {
        let mut called = Vec::new();
        let mut left: Vec<String> = Vec::new();
        for name in names {
            // What has finished already may have been named by an earlier turn.
            let rpc = self.rpc(name)?;
            let state: State = self.subject.ask(Call::State(rpc)).await?;
            if state != State::Finishing {
                left.push(name.clone());
            } else if self.waited(rpc).await? {
                called.push(name.clone());
            }
        }
        while !left.is_empty() {
            let (finished, _) = self.turn(client, &[]).await?;
            if finished.is_empty() {
                return Err("turn names nothing, and rpcs are left".into());
            }
            for name in finished {
                let before = left.len();
                left.retain(|other| *other != name);
                if left.len() < before {
                    let rpc = self.rpc(&name)?;
                    if self.waited(rpc).await? {
                        called.push(name);
                    }
                }
            }
        }
        Ok(called)
    }

    async fn waited(&mut self, rpc: Key) -> Result<bool, Surprise> {
        let waited: Result<bool, FetchError> = self.subject.ask(Call::Wait(rpc)).await?;
        waited.map_err(|error| format!("wait fails: {}", error.detail))
    }

    pub(super) async fn turn(
        &mut self,
        client: &str,
        timers: &[String],
    ) -> Result<(Vec<String>, Vec<u32>), Surprise> {
        let client = self.client(client)?;
        let mut lent = Vec::new();
        for timer in timers {
            lent.push(self.timer(timer)?);
        }
        let seen: Turned = self.subject.ask(Call::Turn(client, lent)).await?;
        let name = |id: &u32| {
            let name = self.names.get(id).cloned();
            name.ok_or_else(|| format!("turn names {id}, which is no rpc"))
        };
        let finished = seen.finished.iter().map(name).collect::<Result<_, _>>()?;
        Ok((finished, seen.ready))
    }
}
