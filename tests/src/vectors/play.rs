//! Playing one vector in one world.

use super::act::Actor;
use super::expect::{self, Surprise};
use super::fill::to_line;
use super::load::{Case, Row, to_vector};
use super::model::{Surface, Vector};
use super::op::Op;
use super::origin::scripted;
use super::player;
use super::sockets::{Handshakes, Listeners};
use super::subject::Subject;
use super::tls::Trust;
use super::witness::Witness;
use super::world::WorldName;
use crate::at_most::at_most;
use std::collections::{BTreeSet, HashMap};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use toml::Value;
use urlfetch_host::{
    Harness, HarnessOptions, Outcome, Scripted, Sender, SenderOptions, World, run_in_virtual_time,
};

/// The limit of every vector under virtual time: more than one spends, seconds for a guest that spins.
const FUEL: u64 = 30_000_000_000;
/// Over sockets there is no fuel; what takes this long hangs or spins.
const WATCHDOG: Duration = Duration::from_secs(180);
/// The end of the names of hosts that vectors use.
const SUFFIX: &str = ".test";

/// How a vector ended in a world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Everything was as it must be.
    Passed,
    /// Something was not; in one line.
    Failed(String),
    /// The world has not what it needs.
    NotHere,
}

/// Plays every row of a vector, each in an instance of its own.
pub fn play(case: &Case, world: &WorldName) -> Ended {
    if case.needs.iter().any(|need| !world.has(*need)) {
        return Ended::NotHere;
    }
    for row in &case.rows {
        let played = match world {
            WorldName::Virtual => play_virtual(case, row),
            WorldName::Pooled | WorldName::Stock | WorldName::Served { .. } => {
                let (case, row, world) = (case.clone(), row.clone(), world.clone());
                watched(move || play_on_sockets(&case, &row, &world))
            }
        };
        if let Err(surprise) = played {
            return Ended::Failed(match row.label.as_str() {
                "" => surprise,
                label => format!("{label}: {surprise}"),
            });
        }
    }
    Ended::Passed
}

fn play_virtual(case: &Case, row: &Row) -> Result<(), Surprise> {
    let vector = to_vector(&case.name, row).map_err(|error| error.to_string())?;
    run_in_virtual_time(async {
        let origin = scripted(&vector.origin);
        play_scripted(&vector, row, &origin).await
    })
}

async fn play_scripted(vector: &Vector, row: &Row, origin: &Scripted) -> Result<(), Surprise> {
    let (world, fuel) = (World::Scripted(origin.clone()), Some(FUEL));
    let witness = Witness::Scripted(origin.clone());
    match vector.surface {
        Surface::Wit => act(vector, here(world, fuel).await?, &witness, true).await,
        Surface::Rust => {
            player::act(&row.tree, world, fuel).await?;
            saw(&witness, vector).await
        }
    }
}

/// Plays the first row of a vector in virtual time, and ends the instance after so many polls of the host's, wherever it is then.
/// Whatever was under way must have been dropped. Gives whether the vector was over before.
///
/// # Errors
/// When an origin is still waited for, or the vector cannot be played in virtual time.
pub fn cut_off(case: &Case, polls: usize) -> Result<bool, String> {
    let row = case.rows.first().ok_or("it has no row")?;
    let vector = to_vector(&case.name, row).map_err(|error| error.to_string())?;
    run_in_virtual_time(async {
        let origin = scripted(&vector.origin);
        let over = at_most(polls, play_scripted(&vector, row, &origin)).await;
        // What was dropped is so when its task has run once more.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let requests = origin.requests();
        let open = requests.iter().find(|seen| seen.outcome == Outcome::Open);
        match open {
            Some(open) => Err(format!("{} is still waited for", open.uri)),
            None => Ok(over.is_some()),
        }
    })
}

fn play_on_sockets(case: &Case, row: &Row, world: &WorldName) -> Result<(), Surprise> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let mut names = BTreeSet::new();
        collect_names(&row.tree, &mut names);
        let listeners = Listeners::bind(names).await;
        let listeners = listeners.map_err(|error| format!("no port is free: {error}"))?;
        let named = Row {
            label: row.label.clone(),
            tree: renamed(&row.tree, &listeners.authorities),
        };
        let vector = to_vector(&case.name, &named).map_err(|error| error.to_string())?;
        let (handshakes, extra_roots_pem) = handshakes(&vector)?;
        let playing = listeners.play(vector.origin.clone(), &handshakes);
        let options = SenderOptions {
            extra_roots_pem,
            max_connections: vector.connections,
            ..SenderOptions::default()
        };
        let witness = Witness::Sockets(playing.record.clone());
        match (vector.surface, world) {
            (Surface::Wit, WorldName::Served { target, .. }) => {
                let subject = Subject::Served(target.open().await?);
                act(&vector, subject, &witness, false).await
            }
            (Surface::Wit, _) => {
                let subject = here(sending(world, options)?, None).await?;
                act(&vector, subject, &witness, false).await
            }
            (Surface::Rust, WorldName::Served { target, .. }) => {
                target.play(to_line(&named.tree)).await?;
                saw(&witness, &vector).await
            }
            (Surface::Rust, _) => {
                player::act(&named.tree, sending(world, options)?, None).await?;
                saw(&witness, &vector).await
            }
        }
    })
}

/// The world of a harness.
fn sending(world: &WorldName, options: SenderOptions) -> Result<World, Surprise> {
    if *world == WorldName::Stock {
        return Ok(World::Stock);
    }
    let sender = Sender::new(options);
    sender.map(World::Pooled).map_err(|error| error.to_string())
}

/// An instance in this process.
async fn here(world: World, fuel: Option<u64>) -> Result<Subject, Surprise> {
    let harness = Harness::new(HarnessOptions { fuel }).map_err(|error| error.to_string())?;
    let session = harness.session(world).await;
    session
        .map(Subject::from)
        .map_err(|error| error.to_string())
}

async fn act(
    vector: &Vector,
    subject: Subject,
    witness: &Witness,
    exact: bool,
) -> Result<(), Surprise> {
    let mut actor = Actor::new(subject, witness.clone(), exact).await?;
    for (index, step) in vector.steps.iter().enumerate() {
        let acted = actor.step(step).await;
        acted.map_err(|surprise| {
            let op = format!("{:?}", step.op);
            let name = op.split([' ', '(']).next().unwrap_or_default();
            format!("step {index} ({name}): {surprise}")
        })?;
    }
    if let Some(Op::End {}) = vector.steps.last().map(|step| &step.op) {
        actor.subject.end().await?;
        return saw(witness, vector).await;
    }
    // While the instance lives: its end would end what is in flight.
    saw(witness, vector).await?;
    actor.leave().await
}

/// How the vector's names shake hands, and whom to trust because of it.
fn handshakes(vector: &Vector) -> Result<(Handshakes, Vec<u8>), Surprise> {
    if vector.tls.is_empty() {
        return Ok((Handshakes::new(), Vec::new()));
    }
    let failed = |error: &dyn std::fmt::Display| format!("no certificate: {error}");
    let trust = Trust::new().map_err(|error| failed(&error))?;
    let mut handshakes = Handshakes::new();
    for (authority, handshake) in &vector.tls {
        let acceptor = trust.acceptor(*handshake).map_err(|error| failed(&error))?;
        handshakes.insert(authority.clone(), (*handshake, acceptor));
    }
    Ok((handshakes, trust.root_pem()))
}

async fn saw(witness: &Witness, vector: &Vector) -> Result<(), Surprise> {
    // What was dropped is so when its task has run once more.
    tokio::time::sleep(Duration::from_millis(1)).await;
    expect::requests(&witness.requests(), &vector.requests)
}

/// Runs it on a thread of its own, and gives up on that: a guest that spins yields to no timer.
fn watched(run: impl FnOnce() -> Result<(), Surprise> + Send + 'static) -> Result<(), Surprise> {
    let (ended, end) = mpsc::channel();
    thread::spawn(move || {
        // Nobody listens any more when it took too long.
        let _ = ended.send(run());
    });
    match end.recv_timeout(WATCHDOG) {
        Ok(played) => played,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(format!("it is not over after {WATCHDOG:?}")),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err("it panicked".into()),
    }
}

/// Every name that ends in `.test`, in any text.
fn collect_names(tree: &Value, into: &mut BTreeSet<String>) {
    match tree {
        Value::String(text) => into.extend(names_in(text).map(|(_, name)| name.to_owned())),
        Value::Array(items) => items.iter().for_each(|item| collect_names(item, into)),
        Value::Table(table) => {
            for (key, item) in table {
                into.extend(names_in(key).map(|(_, name)| name.to_owned()));
                collect_names(item, into);
            }
        }
        _ => {}
    }
}

/// Where each name begins, and the name.
fn names_in(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices(SUFFIX).filter_map(move |(at, _)| {
        let end = at + SUFFIX.len();
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        let before = text[..at].char_indices().rev();
        let name = before.take_while(|(_, c)| is_name(*c)).last();
        let start = name.map_or(at, |(start, _)| start);
        let ends = !text[end..].starts_with(is_name);
        (start < at && ends).then(|| (start, &text[start..end]))
    })
}

/// The tree with addresses for names.
fn renamed(tree: &Value, authorities: &HashMap<String, String>) -> Value {
    match tree {
        Value::String(text) => Value::String(renamed_text(text, authorities)),
        Value::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| renamed(item, authorities))
                .collect(),
        ),
        Value::Table(table) => Value::Table(
            table
                .iter()
                .map(|(key, item)| (renamed_text(key, authorities), renamed(item, authorities)))
                .collect(),
        ),
        other => other.clone(),
    }
}

fn renamed_text(text: &str, authorities: &HashMap<String, String>) -> String {
    let mut out = String::new();
    let mut done = 0;
    for (start, name) in names_in(text) {
        out += &text[done..start];
        out += authorities.get(name).map_or(name, String::as_str);
        done = start + name.len();
    }
    out + &text[done..]
}
