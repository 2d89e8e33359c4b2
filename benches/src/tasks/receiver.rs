//! Where tasks are delivered: an origin in this process, which notes when the head of each request came.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::Empty;
use hyper::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::net::{TcpListener, TcpStream};

/// A delivery.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// The number of the task.
    pub(crate) task: u64,
    /// Microseconds between when it was due and when its head was here: negative when it came too early.
    pub(crate) late: i64,
    pub(crate) at: Instant,
}

#[derive(Default)]
struct Notes {
    arrivals: Mutex<Vec<Arrival>>,
    /// Nobody is answered.
    holds: AtomicBool,
}

/// Clones are the same.
#[derive(Clone)]
pub(crate) struct Receiver {
    address: SocketAddr,
    notes: Arc<Notes>,
}

impl Receiver {
    /// Listens for as long as the runtime lives.
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let notes = Arc::<Notes>::default();
        let receiver = Receiver {
            address,
            notes: notes.clone(),
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(notes.clone().answer(stream));
            }
        });
        Ok(receiver)
    }

    /// What a task of this number is sent to that is due at these microseconds.
    pub(crate) fn url(&self, task: u64, due: i64) -> String {
        format!("http://{}/{task}/{due}", self.address)
    }

    /// Whether deliveries wait for an answer that never comes; those that wait already go on waiting.
    pub(crate) fn hold(&self, holds: bool) {
        self.notes.holds.store(holds, Ordering::Relaxed);
    }

    /// What has come since this was asked last.
    pub(crate) fn take(&self) -> Vec<Arrival> {
        std::mem::take(&mut *self.notes.arrivals())
    }

    /// Waits until so much has come since [`Self::take`], and fails when nothing comes any more for half a minute.
    pub(crate) async fn wait_for(&self, count: usize) -> Result<()> {
        let mut before = (0, Instant::now());
        loop {
            let here = self.notes.arrivals().len();
            if here >= count {
                return Ok(());
            }
            if here > before.0 {
                before = (here, Instant::now());
            }
            ensure!(
                before.1.elapsed() < Duration::from_secs(30),
                "{here} of {count} tasks were delivered, and then none"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Notes {
    async fn answer(self: Arc<Self>, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let notes = &*self;
        let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
            let noted = notes.note(request.uri().path());
            async move {
                if noted.is_err() || notes.holds.load(Ordering::Relaxed) {
                    std::future::pending::<()>().await;
                }
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            }
        });
        // Who delivers may be killed.
        let _ = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    fn note(&self, path: &str) -> Result<()> {
        let (now, at) = (micros(), Instant::now());
        let (task, due) = path[1..].split_once('/').context("is no path of ours")?;
        let (task, late) = (task.parse()?, now - due.parse::<i64>()?);
        self.arrivals().push(Arrival { task, late, at });
        Ok(())
    }

    fn arrivals(&self) -> MutexGuard<'_, Vec<Arrival>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the wall clock says, in microseconds since 1970.
pub(crate) fn micros() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_micros() as i64)
}
