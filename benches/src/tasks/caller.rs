//! Those who make tasks: connections to the API, at a steady rate or as fast as they are answered.

use anyhow::{Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Where the API is, and what is to be shown there.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) address: String,
    pub(crate) token: String,
}

/// Gives the task of a number, as JSON.
pub(crate) type Task = Arc<dyn Fn(u64) -> String + Send + Sync>;

/// Where queues are.
const LOCATION: &str = "projects/p/locations/l/queues";
/// The queue that is there from the beginning.
pub(crate) const QUEUE: &str = "default";
/// The most that one call makes.
const BATCH: u64 = 100;

/// A task with a body of 1 KiB that is sent to `url` when these microseconds have come.
pub(crate) fn task(url: &str, due: i64) -> String {
    let due = OffsetDateTime::from_unix_timestamp_nanos(i128::from(due) * 1_000);
    let due = due.ok().and_then(|due| due.format(&Rfc3339).ok());
    let (due, body) = (due.unwrap_or_default(), "YWFh".repeat(342));
    format!(
        r#"{{"task":{{"scheduleTime":"{due}","httpRequest":{{"url":"{url}","body":"{body}"}}}}}}"#
    )
}

/// One connection.
pub(crate) struct Caller {
    sender: SendRequest<Full<Bytes>>,
    api: Api,
}

impl Caller {
    pub(crate) async fn connect(api: &Api) -> Result<Self> {
        let stream = TcpStream::connect(&api.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Caller {
            sender,
            api: api.clone(),
        })
    }

    /// Has it done: fails when it is not answered 200.
    pub(crate) async fn post(&mut self, path: &str, body: String) -> Result<()> {
        let request = Request::post(format!("/v2/{LOCATION}{path}"))
            .header("host", &self.api.address)
            .header("authorization", format!("Bearer {}", self.api.token))
            .body(Full::new(Bytes::from(body)))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        ensure!(
            status == 200,
            "{status}: {}",
            String::from_utf8_lossy(&body)
        );
        Ok(())
    }

    pub(crate) async fn enqueue(&mut self, task: String) -> Result<()> {
        self.post(&format!("/{QUEUE}/tasks"), task).await
    }
}

/// Makes `count` tasks at a steady rate by so many callers, and gives the milliseconds that each took: from when it was to be sent,
/// so that what waits for an answer to one before it is not hidden.
pub(crate) async fn steadily(
    api: &Api,
    callers: u64,
    rate: f64,
    count: u64,
    task: Task,
) -> Result<Vec<f64>> {
    let connected = connect(api, callers).await?;
    let began = Instant::now();
    let mut running = JoinSet::new();
    for (first, mut caller) in (0..).zip(connected) {
        let task = task.clone();
        running.spawn(async move {
            let mut took = Vec::new();
            for number in (first..count).step_by(callers as usize) {
                let at = began + Duration::from_secs_f64(number as f64 / rate);
                sleep_until(at).await;
                caller.enqueue(task(number)).await?;
                took.push(at.elapsed().as_secs_f64() * 1e3);
            }
            anyhow::Ok(took)
        });
    }
    let took: Result<Vec<_>> = running.join_all().await.into_iter().collect();
    Ok(took?.concat())
}

/// How many tasks a second so many callers make, each the next one when the last was answered.
pub(crate) async fn greedily(api: &Api, callers: u64, time: Duration, task: Task) -> Result<f64> {
    let connected = connect(api, callers).await?;
    let began = Instant::now();
    let mut running = JoinSet::new();
    for mut caller in connected {
        let task = task.clone();
        running.spawn(async move {
            let mut made = 0_u64;
            while began.elapsed() < time {
                caller.enqueue(task(made)).await?;
                made += 1;
            }
            anyhow::Ok(made)
        });
    }
    let made: Result<Vec<_>> = running.join_all().await.into_iter().collect();
    Ok(made?.iter().sum::<u64>() as f64 / began.elapsed().as_secs_f64())
}

/// Makes `count` tasks, many by one call.
pub(crate) async fn many(api: &Api, queue: &str, count: u64, task: &Task) -> Result<()> {
    let mut caller = Caller::connect(api).await?;
    for first in (0..count).step_by(BATCH as usize) {
        if count > 10_000 && first % 2_000 == 0 {
            eprint!("\rtasks: {first} of {count} that are not due yet  ");
        }
        let tasks: Vec<_> = (first..count.min(first + BATCH))
            .map(|number| task(number))
            .collect();
        let body = format!(r#"{{"requests":[{}]}}"#, tasks.join(","));
        caller
            .post(&format!("/{queue}/tasks:batchCreate"), body)
            .await?;
    }
    Ok(())
}

async fn connect(api: &Api, callers: u64) -> Result<Vec<Caller>> {
    let mut connected = Vec::new();
    for _ in 0..callers {
        connected.push(Caller::connect(api).await?);
    }
    Ok(connected)
}

#[cfg(test)]
mod tests {
    use super::task;

    #[test]
    fn a_task_says_to_the_microsecond_when_it_is_due() {
        let said = task("http://a.test/", 1_700_000_000_000_001);
        assert!(
            said.contains(r#""scheduleTime":"2023-11-14T22:13:20.000001Z""#),
            "{said}"
        );
    }
}
