//! Drives the component: makes every call, then turns its loop until the last one has finished.

use super::Refusal;
use super::fetched::{Answer, Failure, Fetched, Hop, kind_name, phase_name};
use super::progress::Progress;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use urlfetch_host::Session;
use urlfetch_host::bindings::fetch::{Guest, State};
use urlfetch_host::bindings::types::{self, ErrorKind, FetchError, Phase, Request};
use wasmtime::component::{Resource, ResourceAny};

/// How often progress is drawn while nothing happens.
const TICK: Duration = Duration::from_millis(100);

/// The component's own maximum for a deadline, in seconds; a longer one is asked for by raising it.
const MAXIMUM_DEADLINE: f64 = 60.0;
/// The option that permits what the component refuses at first.
const ALLOW_PRIVATE: &str = "--allow-private";

/// One call to make.
pub(crate) struct Call {
    pub(crate) request: Request,
    /// Seconds; none leaves it to the component.
    pub(crate) deadline: Option<f64>,
}

/// The client's policy, as far as the command line sets it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Policy {
    pub(crate) allow_private: bool,
    pub(crate) max_in_flight: Option<u32>,
}

/// What a run produced.
pub(crate) struct Run {
    /// One per call, in the order of the calls.
    pub(crate) fetched: Vec<Fetched>,
    /// From the first call to the last end.
    pub(crate) wall_ms: f64,
    /// Names of headers that the component does not let a caller set.
    pub(crate) rejected_headers: Vec<String>,
}

/// A call that the component refuses by looking at it.
pub(crate) struct Rejected {
    /// Which one.
    pub(crate) place: usize,
    pub(crate) kind: ErrorKind,
    pub(crate) detail: String,
}

/// A call in the component.
struct Running {
    rpc: ResourceAny,
    place: usize,
    called_at: Instant,
    url: String,
}

/// The first call that the component would refuse without sending anything, if there is one. Asked of a client in development
/// mode, which sends nothing before somebody waits: so that bad usage is known before the first byte leaves.
pub(crate) async fn rehearse(
    session: &mut Session,
    calls: &[Call],
) -> Result<Option<Rejected>, Refusal> {
    rehearsed(session, calls)
        .await
        .map_err(|error| trapped(&error))
}

/// Makes all calls at once and sees them through.
pub(crate) async fn drive(
    session: &mut Session,
    policy: Policy,
    calls: Vec<Call>,
    progress: &mut Progress,
) -> Result<Run, Refusal> {
    driven(session, policy, calls, progress)
        .await
        .map_err(|error| trapped(&error))
}

fn trapped(error: &wasmtime::Error) -> Refusal {
    Refusal::new(format!("the component stopped: {error:#}"))
}

async fn rehearsed(session: &mut Session, calls: &[Call]) -> wasmtime::Result<Option<Rejected>> {
    let guest = session.urlfetch.urlfetch_rpc_fetch().clone();
    let client = guest.client().call_constructor(&mut session.store).await?;
    set(guest
        .client()
        .call_set_development_mode(&mut session.store, client, true)
        .await?)?;
    // A refusal by policy is the result of a fetch, and not bad usage.
    set(guest
        .client()
        .call_set_allow_private(&mut session.store, client, true)
        .await?)?;
    let mut rejected = None;
    for (place, call) in calls.iter().enumerate() {
        let judged = judge(session, &guest, client, call).await?;
        if let Err(FetchError { kind, detail, .. }) = judged
            && is_bad_usage(kind)
        {
            rejected = Some(Rejected {
                place,
                kind,
                detail,
            });
            break;
        }
    }
    client.resource_drop_async(&mut session.store).await?;
    Ok(rejected)
}

/// Whether an error of this kind is about what was asked for, and not about how it went.
fn is_bad_usage(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidUrl
            | ErrorKind::InvalidMethod
            | ErrorKind::InvalidArgument
            | ErrorKind::PayloadTooLarge
            | ErrorKind::Unsupported
    )
}

/// What the component says of a call that is not sent.
async fn judge(
    session: &mut Session,
    guest: &Guest,
    client: ResourceAny,
    call: &Call,
) -> wasmtime::Result<Result<(), FetchError>> {
    let store = &mut session.store;
    let rpc = match guest
        .client()
        .call_create_rpc(&mut *store, client, call.deadline)
        .await?
    {
        Ok(rpc) => rpc,
        Err(error) => return Ok(Err(error)),
    };
    let mut judged = guest
        .rpc()
        .call_make_fetch_call(&mut *store, rpc, &call.request)
        .await?;
    if judged.is_ok() && guest.rpc().call_state(&mut *store, rpc).await? == State::Finishing {
        judged = guest.rpc().call_check_success(&mut *store, rpc).await?;
    }
    rpc.resource_drop_async(&mut *store).await?;
    Ok(judged)
}

async fn driven(
    session: &mut Session,
    policy: Policy,
    calls: Vec<Call>,
    progress: &mut Progress,
) -> wasmtime::Result<Run> {
    let guest = session.urlfetch.urlfetch_rpc_fetch().clone();
    let client = client_with(session, &guest, policy, &calls).await?;
    let began = Instant::now();
    let mut fetched: Vec<Option<Fetched>> = calls.iter().map(|_| None).collect();
    let mut running = HashMap::with_capacity(calls.len());
    let mut rejected_headers = Vec::new();
    for (place, call) in calls.into_iter().enumerate() {
        let store = &mut session.store;
        let rpc = made(
            guest
                .client()
                .call_create_rpc(&mut *store, client, call.deadline)
                .await?,
        )?;
        let id = guest.rpc().call_id(&mut *store, rpc).await?;
        let called_at = Instant::now();
        made(
            guest
                .rpc()
                .call_make_fetch_call(&mut *store, rpc, &call.request)
                .await?,
        )?;
        if place == 0 {
            rejected_headers = guest.rpc().call_rejected_headers(&mut *store, rpc).await?;
        }
        running.insert(
            id,
            Running {
                rpc,
                place,
                called_at,
                url: call.request.url,
            },
        );
    }

    let mut timer = None;
    while !running.is_empty() {
        if timer.is_none() && progress.is_visible() {
            timer = Some(session.timer(TICK)?);
        }
        // Lent for this turn only: what we own stays ours.
        let lent: Vec<_> = timer
            .iter()
            .map(|timer| Resource::new_borrow(timer.rep()))
            .collect();
        let turned = guest
            .client()
            .call_turn(&mut session.store, client, &lent)
            .await?;
        if turned.finished.is_empty() && turned.ready.is_empty() {
            let left = running.len();
            return Err(wasmtime::format_err!(
                "nothing can end the {left} rpcs that are running"
            ));
        }
        for id in turned.finished {
            let Some(ended) = running.remove(&id) else {
                continue;
            };
            let place = ended.place;
            let one = collect(session, &guest, ended, began).await?;
            progress.finished(place, &one);
            fetched[place] = Some(one);
        }
        if !turned.ready.is_empty()
            && let Some(timer) = timer.take()
        {
            session.drop_pollable(timer)?;
            show(session, &guest, &running, progress).await?;
        }
    }
    let wall_ms = millis(began.elapsed());
    progress.end();
    if let Some(timer) = timer {
        session.drop_pollable(timer)?;
    }
    client.resource_drop_async(&mut session.store).await?;
    Ok(Run {
        fetched: fetched.into_iter().flatten().collect(),
        wall_ms,
        rejected_headers,
    })
}

/// A client under this policy.
async fn client_with(
    session: &mut Session,
    guest: &Guest,
    policy: Policy,
    calls: &[Call],
) -> wasmtime::Result<ResourceAny> {
    let store = &mut session.store;
    let client = guest.client().call_constructor(&mut *store).await?;
    set(guest
        .client()
        .call_set_allow_private(&mut *store, client, policy.allow_private)
        .await?)?;
    if let Some(most) = policy.max_in_flight {
        set(guest
            .client()
            .call_set_max_in_flight(&mut *store, client, most, most)
            .await?)?;
    }
    // A deadline that was asked for by number is meant: the component's own maximum would clamp it in silence.
    let longest = calls
        .iter()
        .filter_map(|call| call.deadline)
        .fold(MAXIMUM_DEADLINE, f64::max);
    set(guest
        .client()
        .call_set_maximum_deadline(&mut *store, client, longest)
        .await?)?;
    Ok(client)
}

/// Takes everything there is to know about an rpc that has finished, and the rpc with it.
async fn collect(
    session: &mut Session,
    guest: &Guest,
    ended: Running,
    began: Instant,
) -> wasmtime::Result<Fetched> {
    let Running {
        rpc,
        called_at,
        url,
        ..
    } = ended;
    let store = &mut session.store;
    let seen_after = millis(called_at.elapsed());
    let hops: Vec<_> = guest
        .rpc()
        .call_hops(&mut *store, rpc)
        .await?
        .into_iter()
        .map(hop)
        .collect();
    let received = guest.rpc().call_received(&mut *store, rpc).await?;
    let outcome = match guest.rpc().call_into_result(&mut *store, rpc).await? {
        Ok(answer) => Ok(Answer {
            status: answer.status,
            truncated: answer.was_truncated,
            final_url: answer.final_url,
        }),
        Err(error) => Err(failure(error)),
    };
    // The exchange knows its end more exactly than we do, who see it a turn later; a call that failed in the queue has none.
    let in_queue = outcome
        .as_ref()
        .is_err_and(|failure| failure.phase == phase_name(Phase::Queued));
    let ended_at = hops
        .last()
        .and_then(|last| last.ended_at)
        .filter(|_| !in_queue);
    let ms = ended_at.unwrap_or(seen_after);
    let called_at = millis(called_at.duration_since(began));
    Ok(Fetched {
        url,
        called_at,
        ms,
        bytes: received,
        hops,
        outcome,
    })
}

/// Tells the progress display where every call is that it shows.
async fn show(
    session: &mut Session,
    guest: &Guest,
    running: &HashMap<u32, Running>,
    progress: &mut Progress,
) -> wasmtime::Result<()> {
    for one in running.values().filter(|one| progress.shows(one.place)) {
        let hops = guest.rpc().call_hops(&mut session.store, one.rpc).await?;
        let received = guest
            .rpc()
            .call_received(&mut session.store, one.rpc)
            .await?;
        let hops: Vec<_> = hops.into_iter().map(hop).collect();
        progress.running(one.place, &hops, received);
    }
    progress.tick();
    Ok(())
}

/// A setting of a fresh client is refused only when its value has no meaning.
fn set(answer: Result<(), ErrorKind>) -> wasmtime::Result<()> {
    answer.map_err(|kind| wasmtime::format_err!("a setting was refused: {}", kind_name(kind)))
}

/// What was rehearsed is not refused at the second time.
fn made<T>(answer: Result<T, FetchError>) -> wasmtime::Result<T> {
    answer.map_err(|error| wasmtime::format_err!("{}: {}", kind_name(error.kind), error.detail))
}

fn hop(hop: types::Hop) -> Hop {
    let ms = |seconds: f64| seconds * 1000.0;
    Hop {
        url: hop.url,
        status: hop.status,
        started_at: ms(hop.started_at),
        head_at: hop.head_at.map(ms),
        ended_at: hop.ended_at.map(ms),
    }
}

fn failure(error: FetchError) -> Failure {
    let detail = match error.kind {
        ErrorKind::Refused => with_our_switch(error.detail),
        _ => error.detail,
    };
    Failure {
        kind: kind_name(error.kind),
        code: error.code,
        phase: phase_name(error.phase),
        retryable: error.retryable,
        url: error.url,
        detail,
    }
}

/// The component names its own switch, and a refusal of the host names none: here it is `--allow-private`.
fn with_our_switch(detail: String) -> String {
    const THEIRS: [&str; 2] = ["set-allow-private", "allow-private"];
    if detail.contains(ALLOW_PRIVATE) {
        return detail;
    }
    match THEIRS.iter().find(|name| detail.contains(*name)) {
        Some(name) => detail.replacen(name, ALLOW_PRIVATE, 1),
        None => format!("{detail}; {ALLOW_PRIVATE} permits it"),
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::with_our_switch;

    #[test]
    fn a_refusal_names_the_option_of_this_command_once() {
        for theirs in [
            "10.0.0.1 is private; allow-private permits it",
            "10.0.0.1 is private; set-allow-private permits it",
        ] {
            assert_eq!(
                with_our_switch(theirs.into()),
                "10.0.0.1 is private; --allow-private permits it"
            );
        }
        assert_eq!(
            with_our_switch("destination prohibited".into()),
            "destination prohibited; --allow-private permits it"
        );
        assert_eq!(
            with_our_switch("see --allow-private".into()),
            "see --allow-private"
        );
    }
}
