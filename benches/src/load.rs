//! Clients that ask a server for the same again and again, each over a connection that it keeps.

use anyhow::{Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) address: String,
    pub(crate) path: String,
    pub(crate) clients: usize,
    pub(crate) time: Duration,
    /// What the answer contains, and how often.
    pub(crate) contains: (&'static str, usize),
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Served {
    pub(crate) per_second: f64,
    /// Milliseconds of the median answer.
    pub(crate) median: f64,
    /// Milliseconds that one in a hundred answers takes longer than.
    pub(crate) p99: f64,
    /// Answers that were not what they should be.
    pub(crate) lost: u64,
}

impl Load {
    /// Asks for so long, after one answer that does not count.
    pub(crate) async fn run(&self) -> Result<Served> {
        self.client(Instant::now()).await?;
        let started = Instant::now();
        let until = started + self.time;
        let clients = (0..self.clients).map(|_| {
            let load = self.clone();
            tokio::spawn(async move { load.client(until).await })
        });
        let clients: Vec<_> = clients.collect();
        let (mut times, mut lost) = (Vec::new(), 0);
        for client in clients {
            match client.await? {
                Ok((own, bad)) => {
                    times.extend(own);
                    lost += bad;
                }
                Err(_) => lost += 1,
            }
        }
        let seconds = started.elapsed().as_secs_f64();
        ensure!(!times.is_empty(), "nothing was served");
        times.sort_by(f64::total_cmp);
        let at = |quantile: f64| times[((times.len() - 1) as f64 * quantile) as usize];
        Ok(Served {
            per_second: times.len() as f64 / seconds,
            median: at(0.5),
            p99: at(0.99),
            lost,
        })
    }

    /// One client: milliseconds of each good answer, and how many were bad. It asks at least once.
    async fn client(&self, until: Instant) -> Result<(Vec<f64>, u64)> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let (mut times, mut bad) = (Vec::new(), 0);
        loop {
            let request = Request::get(&self.path)
                .header("host", &self.address)
                .body(Empty::<Bytes>::new())?;
            let asked = Instant::now();
            sender.ready().await?;
            let response = sender.send_request(request).await?;
            let body = response.into_body().collect().await?.to_bytes();
            let (text, times_in_it) = self.contains;
            match String::from_utf8_lossy(&body).matches(text).count() == times_in_it {
                true => times.push(asked.elapsed().as_secs_f64() * 1e3),
                false => bad += 1,
            }
            if Instant::now() >= until {
                break;
            }
        }
        connection.abort();
        Ok((times, bad))
    }
}
