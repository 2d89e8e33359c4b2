//! The same with two hosts that share a database: one of them, the other and the database are killed at random instants, alone and
//! together, and come again.

use super::client::{Api, enqueue_until};
use super::{CLIENTS, LIFE, PATIENCE, Report, Server, Settings, random};
use crate::database::Database;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What is in the database and should not be: bodies without their tasks, and tasks without theirs.
const CHECK: &str = "DO $$ BEGIN
    IF EXISTS (SELECT FROM urlfetch_tasks.tasks FULL JOIN urlfetch_tasks.requests USING (key)
               WHERE tasks.id IS NULL OR requests.url IS NULL) THEN
        RAISE EXCEPTION 'a task and its body are not together';
    END IF;
END $$";

/// A host that is killed and comes again.
struct Host {
    folder: PathBuf,
    server: Server,
    api: Option<Api>,
}

impl Host {
    fn start(settings: &Settings, name: &str, url: &str) -> Result<Self, String> {
        let folder = settings.folder.join(name);
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let server = Server::start(&settings.program, &folder, Some(url))?;
        Ok(Host {
            folder,
            server,
            api: None,
        })
    }

    /// The way to its API, when it listens before then.
    fn listens(&mut self, end: Instant) -> Option<Api> {
        if self.api.is_none() {
            self.api = self.server.listens(end);
        }
        self.api.clone()
    }

    /// Kills it, counts what it has run, and starts it again.
    fn again(
        &mut self,
        settings: &Settings,
        url: &str,
        ran: &mut HashMap<String, u32>,
    ) -> Result<(), String> {
        let next = Server::start(&settings.program, &self.folder, Some(url))?;
        std::mem::replace(&mut self.server, next).kill(ran);
        self.api = None;
        Ok(())
    }
}

/// Kills hosts and their database as often as it is told to, lets the hosts finish, and counts.
///
/// # Errors
/// When PostgreSQL is not installed, no host can be started, or what was left is not run in the end.
pub fn kill_two_hosts(settings: &Settings, mut tell: impl FnMut(u32)) -> Result<Report, String> {
    let _ = std::fs::remove_dir_all(&settings.folder);
    let told = |error: std::io::Error| error.to_string();
    // A socket's name is short.
    let folder = std::env::temp_dir().join(format!("urlfetch-kill-{}", std::process::id()));
    let mut database = Database::start(&folder, &[]).map_err(told)?;
    let url = database.url("postgres");
    let mut hosts = [
        Host::start(settings, "a", &url)?,
        Host::start(settings, "b", &url)?,
    ];
    let acknowledged = Arc::new(Mutex::new(HashSet::new()));
    let (mut report, mut ran) = (Report::default(), HashMap::new());
    let mut round = 0;
    while report.kills < settings.kills {
        round += 1;
        // Now and then they do not come to their first word.
        let patience = match round % 8 {
            7 => LIFE.mul_f64(random() / 4.0),
            _ => PATIENCE,
        };
        let begun = Instant::now() + patience;
        let end = Duration::from_secs_f64(LIFE.as_secs_f64() * random());
        let apis: Vec<_> = hosts.iter_mut().map(|host| host.listens(begun)).collect();
        if patience == PATIENCE && apis.iter().any(Option::is_none) {
            return Err("a host does not listen".into());
        }
        let end = Instant::now() + end;
        let clients: Vec<_> = apis
            .into_iter()
            .enumerate()
            .flat_map(|(host, api)| api.map(|api| (host, api)))
            .flat_map(|(host, api)| (0..CLIENTS / 2).map(move |client| (host, client, api.clone())))
            .map(|(host, client, api)| {
                let acknowledged = acknowledged.clone();
                let prefix = format!("r{round}-{host}-{client}");
                thread::spawn(move || enqueue_until(&api, &prefix, end, &acknowledged))
            })
            .collect();
        // No event to wait for: see the loop with one host.
        thread::sleep(end.saturating_duration_since(Instant::now()));
        // One, two or all of the three.
        let victims = 1 + (random() * 7.0) as u32;
        if victims & 4 != 0 {
            database.crash().map_err(told)?;
            report.crashes += 1;
        }
        for (bit, host) in hosts.iter_mut().enumerate() {
            if victims & (1 << bit) != 0 {
                report.unborn += u32::from(host.api.is_none());
                if victims & 4 != 0 {
                    // It cannot begin without its database.
                    host.server.end();
                } else {
                    host.again(settings, &url, &mut ran)?;
                }
            }
        }
        if victims & 4 != 0 {
            database.resume().map_err(told)?;
            for (bit, host) in hosts.iter_mut().enumerate() {
                if victims & (1 << bit) != 0 {
                    host.again(settings, &url, &mut ran)?;
                }
            }
        }
        for client in clients {
            let _ = client.join();
        }
        report.kills += victims.count_ones();
        tell(report.kills.min(settings.kills));
    }
    finish(&mut hosts)?;
    for host in hosts {
        host.server.kill(&mut ran);
    }
    report.integrity = database.tell(CHECK).map_or_else(told, |()| "ok".into());
    let acknowledged = acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
    report.count(&acknowledged, &ran);
    Ok(report)
}

/// Lets the hosts run what is left.
fn finish(hosts: &mut [Host]) -> Result<(), String> {
    let end = Instant::now() + PATIENCE;
    for host in hosts {
        let api = host
            .listens(end)
            .ok_or("a host does not listen in the end")?;
        // One that was started before a crash may not have found its way back yet.
        while !api.is_empty().unwrap_or(false) {
            if Instant::now() > end {
                return Err("there are tasks left".into());
            }
        }
    }
    Ok(())
}
