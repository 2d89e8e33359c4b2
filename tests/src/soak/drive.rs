//! The caller's side: so many rpcs under way at once in one instance, each judged when it ends.

use std::{
    collections::HashMap,
    io,
    time::{Duration, Instant},
};

use urlfetch_host::bindings::types::Request;

use super::{Act, Origin, Plan, Random, Report, plan::KEPT};
use crate::{Client, Instance, Rpc, request};

/// Nothing is this long under way: every deadline is shorter.
const PATIENCE: Duration = Duration::from_secs(120);
/// As many samples of memory after the warm-up.
const SAMPLES: u64 = 50;

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Fetches in all.
    pub fetches: u64,
    /// Of the plans.
    pub seed: u64,
    /// Rpcs under way at once.
    pub in_flight: u32,
}

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Fetches that are over.
    pub over: u64,
    /// Fetches that ended otherwise than they must.
    pub surprises: u64,
    /// Linear memory of the instance, in bytes.
    pub guest: usize,
}

/// Runs it, and tells how far it is whenever something is over. Fails when the origin cannot listen.
pub async fn soak(settings: Settings, mut tell: impl FnMut(Moment)) -> io::Result<Report> {
    let origin = Origin::start()?;
    let started = Instant::now();
    let mut soak = Soak::new(settings, &origin).await;
    let warm = settings.fetches / 5;
    let step = (settings.fetches / SAMPLES).max(1);
    let mut next = 0;
    while soak.under_way() {
        let over = soak.report.as_told + soak.report.surprises;
        if over >= next {
            soak.sample(over);
            if next <= warm {
                soak.report.memory.end_warm_up();
            }
            next += step;
        }
        soak.fill(&origin).await;
        if !soak.collect().await {
            break;
        }
        tell(Moment {
            over: soak.report.as_told + soak.report.surprises,
            surprises: soak.report.surprises,
            guest: soak.instance.memory(),
        });
    }
    let mut report = soak.end().await;
    report.requests = origin.requests();
    report.connections = origin.connections();
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

struct Soak {
    settings: Settings,
    random: Random,
    instance: Instance,
    client: Client,
    running: HashMap<u32, (Rpc, Plan)>,
    report: Report,
}

impl Soak {
    async fn new(settings: Settings, origin: &Origin) -> Self {
        let mut instance = Instance::pooled().await;
        let client = instance.client().await;
        let set = instance.set_max_in_flight(client, settings.in_flight).await;
        set.expect("the limit has a meaning");
        let set = instance.set_max_response(client, KEPT).await;
        set.expect("the limit has a meaning");
        // What a first fetch makes for good is no growth.
        let plan = Plan {
            redirects: 0,
            act: Act::Sized,
            offset: 0,
            length: 1,
        };
        let fetched = instance.fetch(client, &asked(&plan, origin, 0), None).await;
        assert_eq!(plan.judge(&fetched), None, "a plain fetch");
        Self {
            settings,
            random: Random::new(settings.seed),
            instance,
            client,
            running: HashMap::new(),
            report: Report {
                seed: settings.seed,
                processors: std::thread::available_parallelism().map_or(1, usize::from),
                ..Report::default()
            },
        }
    }

    fn under_way(&self) -> bool {
        self.report.fetches < self.settings.fetches || !self.running.is_empty()
    }

    fn sample(&mut self, over: u64) {
        let (guest, resources) = (self.instance.memory(), self.instance.resources());
        self.report.memory.sample(over, guest, resources);
    }

    /// Starts as many as may be under way.
    async fn fill(&mut self, origin: &Origin) {
        while self.report.fetches < self.settings.fetches
            && self.running.len() < self.settings.in_flight as usize
        {
            let plan = Plan::random(&mut self.random);
            self.report.fetches += 1;
            *self.report.acts.entry(plan.act.name()).or_default() += 1;
            let rpc = self.instance.rpc(self.client, Some(plan.deadline())).await;
            let request = asked(&plan, origin, self.report.fetches);
            if let Err(error) = self.instance.start(rpc, &request).await {
                self.report
                    .surprise(format!("{}: {}", plan.path(), error.detail));
                self.instance.drop_rpc(rpc).await;
                continue;
            }
            match plan.act {
                Act::Dropped => {
                    self.instance.drop_rpc(rpc).await;
                    self.report.as_told += 1;
                }
                Act::Cancelled => {
                    if !self.instance.cancel(rpc).await {
                        self.report
                            .surprise(format!("{}: over before it was cancelled", plan.path()));
                    }
                    let id = self.instance.id(rpc).await;
                    self.running.insert(id, (rpc, plan));
                }
                _ => {
                    let id = self.instance.id(rpc).await;
                    self.running.insert(id, (rpc, plan));
                }
            }
        }
    }

    /// Waits until something is over, and judges it. False when nothing is heard any more.
    async fn collect(&mut self) -> bool {
        if self.running.is_empty() {
            return true;
        }
        let turned = self.instance.turn(self.client, &[]);
        let Ok(turned) = tokio::time::timeout(PATIENCE, turned).await else {
            return false;
        };
        if turned.finished.is_empty() {
            self.report.surprise("a turn came back with nothing".into());
            return false;
        }
        for id in turned.finished {
            let Some((rpc, plan)) = self.running.remove(&id) else {
                self.report.surprise(format!("rpc {id} finished twice"));
                continue;
            };
            let ended = self.instance.into_result(rpc).await;
            match plan.judge(&ended) {
                None => self.report.as_told += 1,
                Some(surprise) => self.report.surprise(surprise),
            }
        }
        true
    }

    async fn end(mut self) -> Report {
        self.report.lost = self.running.len() as u64;
        if self.running.is_empty() {
            self.instance.drain(self.client).await;
            let over = self.report.as_told + self.report.surprises;
            self.sample(over);
        }
        self.report
    }
}

/// The request of a plan.
fn asked(plan: &Plan, origin: &Origin, number: u64) -> Request {
    let path = plan.path();
    match plan.act {
        Act::Refused => request("GET", &origin.nobody(&path)),
        Act::Echo => Request {
            payload: Some(plan.content().to_vec()),
            // A redirect that keeps the upload.
            ..request("POST", &origin.url(number, &path))
        },
        _ => request("GET", &origin.url(number, &path)),
    }
}
