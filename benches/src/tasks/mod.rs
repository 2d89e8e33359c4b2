//! Deferred tasks: how fast they are taken, how soon after they are due they are delivered, and how soon after a crash.
//!
//! The server is `urlfetch serve`, the clients call its API by a socket, and what is due is delivered to an origin in this process. So
//! what is measured is the API, the store, the dispatcher and the sender, and no application.

mod caller;
// The tests do more with it.
#[path = "../../../tests/src/database.rs"]
#[allow(dead_code, unreachable_pub)]
mod database;
mod disk;
mod receiver;
mod server;

use crate::Mode;
use crate::figure::{Figure, Spread, Unit};
use anyhow::{Result, ensure};
use caller::{Api, Caller, QUEUE, Task, greedily, many, steadily, task};
use database::Database;
use receiver::{Arrival, Receiver, micros};
use server::{Place, Server};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Callers at once.
const CALLERS: u64 = 32;
/// How many tasks a second they make where the rate is given, and what a queue delivers at the most.
const ENQUEUES: f64 = 1_000.0;
const DISPATCHES: u64 = 500;
/// Tasks that are on file when a server is killed; more than a queue begins at once, so that some are under way and some are due.
const CUT_OFF: usize = 300;
/// Queues that are due at once, and the tasks in each.
const QUEUES: u64 = 10;
const IN_EACH: u64 = 1_000;
const DAY: i64 = 24 * 3_600 * 1_000_000;

/// How much is done.
struct Much {
    rounds: usize,
    /// Seconds of a round of enqueues.
    seconds: u64,
    /// Seconds of deliveries, and tasks that are there and not due: in a file and elsewhere.
    delivers: [(u64, u64); 2],
}

/// Measures all of it in a file, then on a slow disk and in a database where these are to be had.
pub(crate) async fn measure(mode: Mode) -> Result<Vec<Figure>> {
    let much = match mode {
        Mode::Quick => Much {
            rounds: 2,
            seconds: 2,
            delivers: [(10, 5_000), (5, 1_000)],
        },
        Mode::Full => Much {
            rounds: 3,
            seconds: 6,
            delivers: [(600, 200_000), (30, 20_000)],
        },
    };
    let receiver = Receiver::start().await?;
    let mut places = vec![Place::File];
    match disk::can_be_slowed() {
        true => places.push(Place::SlowFile),
        false => {
            eprintln!("tasks: no disk that is slower: there is no strace, or it may not look on")
        }
    }
    let database = database();
    match &database {
        Ok(database) => places.push(Place::Database(database.url("postgres"))),
        Err(reason) => eprintln!("tasks: no database: {reason}"),
    }
    let mut figures = Vec::new();
    for place in places {
        server::clear()?;
        let mut trial = Trial {
            place: &place,
            much: &much,
            receiver: &receiver,
            figures: Vec::new(),
        };
        trial.run().await?;
        figures.append(&mut trial.figures);
    }
    eprintln!();
    server::clear()?;
    Ok(figures)
}

/// A PostgreSQL server of our own, which syncs what it has promised.
fn database() -> std::io::Result<Database> {
    let folder = std::env::temp_dir().join(format!("urlfetch-bench-{}", std::process::id()));
    Database::start(&folder, &[]).inspect_err(|_| {
        let _ = std::fs::remove_dir_all(&folder);
    })
}

/// What is measured in one place.
struct Trial<'a> {
    place: &'a Place,
    much: &'a Much,
    receiver: &'a Receiver,
    figures: Vec<Figure>,
}

impl Trial<'_> {
    async fn run(&mut self) -> Result<()> {
        if *self.place == Place::File {
            self.add_quantiles("a sync of 4 KiB by itself", &[disk::syncs(1_000)?]);
        }
        let server = Server::start(self.place).await?;
        self.enqueue(&server.api).await?;
        self.tell("tasks that are not due");
        let (seconds, future) = self.much.delivers[usize::from(*self.place != Place::File)];
        many(&server.api, QUEUE, future, &never_due()).await?;
        self.deliver(&server.api, seconds).await?;
        self.deliver_all(&server.api).await?;
        self.restart(server).await
    }

    async fn enqueue(&mut self, api: &Api) -> Result<()> {
        let (mut steady, mut greedy, mut alone) = (Vec::new(), Vec::new(), Vec::new());
        let time = Duration::from_secs(self.much.seconds);
        for round in 1..=self.much.rounds {
            self.tell(&format!("enqueues, round {round} of {}", self.much.rounds));
            let count = ENQUEUES as u64 * self.much.seconds;
            steady.push(steadily(api, CALLERS, ENQUEUES, count, never_due()).await?);
            greedy.push(greedily(api, CALLERS, time / 2, never_due()).await?);
            alone.push(greedily(api, 1, time / 2, never_due()).await?);
        }
        self.add_quantiles("enqueue, 32 callers at 1,000/s", &steady);
        self.add("enqueues, 32 callers", Unit::PerSecond, greedy, 0);
        self.add("enqueues, one caller", Unit::PerSecond, alone, 0);
        Ok(())
    }

    /// Tasks are made as fast as their queue delivers them, each some seconds before it is due.
    async fn deliver(&mut self, api: &Api, seconds: u64) -> Result<()> {
        let count = seconds * DISPATCHES;
        let first = micros() + 5_000_000;
        let receiver = self.receiver.clone();
        receiver.take();
        let made: Task = Arc::new(move |number| {
            let due = first + (number * 1_000_000 / DISPATCHES) as i64;
            task(&receiver.url(number, due), due)
        });
        let making = steadily(api, CALLERS, DISPATCHES as f64, count, made);
        let mut making = std::pin::pin!(making);
        let began = Instant::now();
        let took = loop {
            self.tell(&format!(
                "deliveries, {} of {seconds} s",
                began.elapsed().as_secs()
            ));
            tokio::select! {
                took = &mut making => break took?,
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        };
        let arrivals = self.arrivals(count as usize).await?;
        let early = arrivals.iter().filter(|arrival| arrival.late < 0).count();
        let late: Vec<f64> = arrivals
            .iter()
            .map(|arrival| arrival.late as f64 / 1e3)
            .collect();
        let lost = count - distinct(&arrivals) as u64;
        let case = format!("deliveries, one queue for {seconds} s");
        self.add(&case, Unit::PerSecond, vec![per_second(&arrivals)], lost);
        self.add_quantiles("from due to request", &[late]);
        self.add(
            "requests before they were due",
            Unit::Count,
            vec![early as f64],
            0,
        );
        self.add_quantiles("enqueue beside deliveries, at 500/s", &[took]);
        Ok(())
    }

    /// Everything is due at once, in as many queues as let it go.
    async fn deliver_all(&mut self, api: &Api) -> Result<()> {
        self.tell("deliveries of ten queues");
        let mut caller = Caller::connect(api).await?;
        let due = micros() + 20_000_000;
        self.receiver.take();
        for queue in 0..QUEUES {
            let name = format!("many-{queue}");
            let body = format!(r#"{{"name":"projects/p/locations/l/queues/{name}"}}"#);
            caller.post("", body).await?;
            let receiver = self.receiver.clone();
            let made: Task =
                Arc::new(move |number| task(&receiver.url(queue * IN_EACH + number, due), due));
            many(api, &name, IN_EACH, &made).await?;
        }
        ensure!(
            micros() < due,
            "{IN_EACH} tasks in {QUEUES} queues take more than 20 s to be made"
        );
        let arrivals = self.arrivals((QUEUES * IN_EACH) as usize).await?;
        let lost = QUEUES * IN_EACH - distinct(&arrivals) as u64;
        self.add(
            "deliveries, ten queues",
            Unit::PerSecond,
            vec![per_second(&arrivals)],
            lost,
        );
        Ok(())
    }

    /// The server is killed while tasks are under way and due, and started again.
    async fn restart(&mut self, mut server: Server) -> Result<()> {
        let (mut took, mut lost) = (Vec::new(), 0);
        for round in 1..=self.much.rounds {
            self.tell(&format!("restarts, round {round} of {}", self.much.rounds));
            self.receiver.take();
            self.receiver.hold(true);
            let (receiver, due) = (self.receiver.clone(), micros());
            let made: Task = Arc::new(move |number| task(&receiver.url(number, due), due));
            many(&server.api, QUEUE, CUT_OFF as u64, &made).await?;
            self.receiver.wait_for(CUT_OFF / 3).await?;
            server.kill().await?;
            // What it has sent is read.
            tokio::time::sleep(Duration::from_millis(100)).await;
            let begun: HashSet<u64> = self
                .receiver
                .take()
                .iter()
                .map(|begun| begun.task)
                .collect();
            self.receiver.hold(false);
            let started = Instant::now();
            server = Server::start(self.place).await?;
            let arrivals = self.arrivals(CUT_OFF).await?;
            lost += CUT_OFF - distinct(&arrivals);
            let again = arrivals.iter().filter(|again| begun.contains(&again.task));
            let first = again.map(|again| again.at).min();
            took.extend(first.map(|first| (first - started).as_secs_f64() * 1e3));
        }
        self.add(
            "from start to first redelivery",
            Unit::Milliseconds,
            took,
            lost as u64,
        );
        Ok(())
    }

    /// What came, once so much has come.
    async fn arrivals(&self, count: usize) -> Result<Vec<Arrival>> {
        self.receiver.wait_for(count).await?;
        Ok(self.receiver.take())
    }

    fn add(&mut self, case: &str, unit: Unit, samples: Vec<f64>, lost: u64) {
        let count = samples.len();
        self.figures.extend(Spread::of(samples).map(|value| Figure {
            value,
            samples: count,
            exact: false,
            lost,
            ..Figure::exact("tasks", case, self.place.name(), unit, 0.0)
        }));
    }

    /// The median and the 99th percentile of each round.
    fn add_quantiles(&mut self, case: &str, rounds: &[Vec<f64>]) {
        for (name, quantile) in [("p50", 0.5), ("p99", 0.99)] {
            let of_round = |round: &Vec<f64>| {
                let mut round = round.clone();
                round.sort_by(f64::total_cmp);
                round[((round.len() - 1) as f64 * quantile) as usize]
            };
            let case = format!("{case}, {name}");
            self.add(
                &case,
                Unit::Milliseconds,
                rounds.iter().map(of_round).collect(),
                0,
            );
        }
    }

    fn tell(&self, what: &str) {
        eprint!("\rtasks: {}: {what:<40}", self.place.name());
    }
}

/// Tasks for another day.
fn never_due() -> Task {
    let due = micros() + DAY;
    Arc::new(move |_| task("http://127.0.0.1:9/", due))
}

fn distinct(arrivals: &[Arrival]) -> usize {
    let tasks: HashSet<u64> = arrivals.iter().map(|arrival| arrival.task).collect();
    tasks.len()
}

/// How many came a second, between the first and the last.
fn per_second(arrivals: &[Arrival]) -> f64 {
    let times = || arrivals.iter().map(|arrival| arrival.at);
    match (times().min(), times().max()) {
        (Some(first), Some(last)) => (arrivals.len() - 1) as f64 / (last - first).as_secs_f64(),
        _ => 0.0,
    }
}
