//! What becomes of the connection of a call that is ended half-way, in a host that pools its connections.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use urlfetch_host::bindings::fetch::State;
use urlfetch_host::bindings::types::Request;
use urlfetch_host::{Sender, SenderOptions, World};
use urlfetch_tests::{Instance, on_sockets, request};

/// How long an answer of [`Digits`] is.
const LENGTH: usize = 50_000;

/// An origin on sockets whose answers are one digit, that of the path, many times over: what is left of one answer would show in the
/// next. In `/redirect/7` it leads to `/7`, and `/half/7` stops in the middle of the answer. It counts the connections that are in
/// the middle of an exchange.
struct Digits {
    port: u16,
    busy: Arc<AtomicUsize>,
    _accepting: tokio::task::JoinSet<()>,
}

/// Counts as long as it lives.
struct Busy(Arc<AtomicUsize>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Digits {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let busy = Arc::<AtomicUsize>::default();
        let mut accepting = tokio::task::JoinSet::new();
        let counted = busy.clone();
        accepting.spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let busy = counted.clone();
                // A client that goes away is what this is about.
                connections.spawn(async move { drop(serve(stream, busy).await) });
            }
        });
        Digits {
            port,
            busy,
            _accepting: accepting,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Waits until no connection is in the middle of an exchange.
    async fn let_go(&self) {
        while self.busy.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
    }
}

async fn serve(stream: TcpStream, busy: Arc<AtomicUsize>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    loop {
        let (mut head, mut size) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await? == 0 {
                return Ok(());
            }
        }
        busy.fetch_add(1, Ordering::SeqCst);
        let busy = Busy(busy.clone());
        for line in head.lines() {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                size = value.parse().unwrap_or(0);
            }
        }
        let path = head.split(' ').nth(1).unwrap_or_default();
        let digit = path.bytes().last().unwrap_or_default();
        if path.starts_with("/redirect") {
            let location = format!("/{}", char::from(digit));
            let answer =
                format!("HTTP/1.1 307 Moved\r\nlocation: {location}\r\ncontent-length: 5\r\n\r\n");
            stream.read_exact(&mut vec![0; size]).await?;
            stream.write_all(answer.as_bytes()).await?;
            tokio::task::yield_now().await;
            stream.write_all(b"moved").await?;
            continue;
        }
        // Half of the upload, the answer, the other half.
        stream.read_exact(&mut vec![0; size / 2]).await?;
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {LENGTH}\r\n\r\n");
        stream.write_all(answer.as_bytes()).await?;
        for piece in 0..10 {
            if piece == 5 && path.starts_with("/half") {
                // Only the other side can end it.
                stream.read_exact(&mut vec![0; size - size / 2 + 1]).await?;
            }
            tokio::task::yield_now().await;
            stream.write_all(&[digit; LENGTH / 10]).await?;
        }
        stream.read_exact(&mut vec![0; size - size / 2]).await?;
        drop(busy);
    }
}

/// Ends an exchange through this pool after so many polls, in one way or the other; false when it was over before.
async fn left_after(
    polls: usize,
    path: &str,
    upload: usize,
    by_drop: bool,
    origin: &Digits,
    sender: &Sender,
) -> bool {
    let mut instance = Instance::new(World::Pooled(sender.clone())).await;
    let client = instance.client().await;
    let rpc = instance.rpc(client, Some(30.0)).await;
    let given = Request {
        payload: (upload > 0).then(|| vec![b'u'; upload]),
        ..request(if upload > 0 { "POST" } else { "GET" }, &origin.url(path))
    };
    instance.start(rpc, &given).await.unwrap();
    if by_drop {
        for _ in 0..polls {
            instance.progress().await;
            tokio::task::yield_now().await;
        }
        let was_running = instance.state(rpc).await == State::Running;
        instance.drop_rpc(rpc).await;
        instance.drop_client(client).await;
        assert_eq!(instance.resources(), 0);
        return was_running;
    }
    let mut wait = pin!(instance.wait(rpc));
    for _ in 0..polls {
        if poll_fn(|context| Poll::Ready(wait.as_mut().poll(context).is_ready())).await {
            return false;
        }
        tokio::task::yield_now().await;
    }
    true
}

#[test]
fn a_connection_that_was_left_half_way_is_closed_and_never_used_again() {
    on_sockets(|| async {
        let origin = Digits::start().await;
        let sender = Sender::new(SenderOptions::default()).unwrap();
        let mut next = Instance::new(World::Pooled(sender.clone())).await;
        let client = next.client().await;
        for (path, upload) in [
            ("/1", 0),
            ("/redirect/2", 0),
            ("/half/3", 0),
            ("/4", 200_000),
            ("/redirect/5", 200_000),
            ("/half/6", 200_000),
        ] {
            for by_drop in [true, false] {
                const MOST: usize = 40;
                let mut polls = 0;
                while polls < MOST
                    && left_after(polls, path, upload, by_drop, &origin, &sender).await
                {
                    polls += 1 + polls / 4;
                    // What was left is closed, though the pool lives on,
                    origin.let_go().await;
                    // and whatever the pool still has is good for the next.
                    let get = request("GET", &origin.url("/9"));
                    let content = next.fetch(client, &get, Some(30.0)).await.unwrap().content;
                    assert!(
                        content.len() == LENGTH && content.iter().all(|byte| *byte == b'9'),
                        "{path} after {polls} polls"
                    );
                }
                assert!(polls > 0, "{path} is over at once");
            }
        }
    });
}
