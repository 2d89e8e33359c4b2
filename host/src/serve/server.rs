//! The server: listens, accepts, and stops in good order.

use super::admin;
use super::admission::Admission;
use super::app::App;
use super::connection;
use super::delivery;
use super::guest::Calls;
use super::journal::Journal;
use super::metrics::Metrics;
use crate::google::CloudTasks;
use crate::oidc::Trust;
use crate::tasks::{self, DeferredKeys, Tasks};
use crate::{GoogleTasks, Sender, TrustedIssuer};
use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// How many connections the kernel keeps for us until we accept them, if it likes.
const BACKLOG: u32 = 4_096;
/// After the signal to stop, how long a connection without a request is kept: its next request may be under way, and is answered with
/// the word that it is the last.
const LAST_WORD: Duration = Duration::from_millis(300);
/// How long the answers to requests that were cut off may take to leave.
const CUT: Duration = Duration::from_millis(500);
/// How often a guest that computes is interrupted. A runtime looks for what its sockets have to say once in some tens of such turns.
const TICK: Duration = Duration::from_millis(2);

/// What a server does with requests.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The whole environment of the application, but for the keys of `tasks`: see [`Tasks::with_keys`].
    pub env: Vec<(String, String)>,
    /// What the application sees of the file system: nothing but these.
    pub folders: Vec<LentFolder>,
    /// How long a request may take: the call of the application with all it does, before and after its answer.
    pub timeout: Duration,
    /// How long the head of a request may take to come, then 408; and how long a connection by HTTP/1.1 is kept that is not used.
    pub head: Duration,
    /// The most bytes that the body of a request may have.
    pub max_body: u64,
    /// How long requests in flight may go on after the signal to stop.
    pub drain: Duration,
    /// Names by which browsers may come to the admin address, beside `localhost` and the address itself.
    pub admin_hosts: Vec<String>,
    /// What the application defers: with it, calls of the application to cloudtasks.googleapis.com are answered here, what is due is
    /// delivered, and what only a delivery may say or ask for is taken or kept from those outside.
    pub tasks: Option<Tasks>,
    /// Sends calls of the application to cloudtasks.googleapis.com there, with tokens of the host's. With it, too, what only a delivery
    /// may say or ask for is taken or kept from those outside.
    pub google: Option<GoogleTasks>,
    /// Whose tokens make a request from outside a delivery, which may say and ask for everything.
    pub deliverer: Option<TrustedIssuer>,
    /// By what the server asks for itself: for tokens and keys, and at Google. None is what the application's requests are sent by, under
    /// their policy.
    pub own_sender: Option<Sender>,
}

impl Default for ServeOptions {
    /// No environment, no folders, a minute for a request, half a minute for its head, 100 MiB of body, half a minute to stop, no tasks,
    /// nobody who delivers.
    fn default() -> Self {
        ServeOptions {
            env: Vec::new(),
            folders: Vec::new(),
            timeout: Duration::from_secs(60),
            head: Duration::from_secs(30),
            max_body: 100 << 20,
            drain: Duration::from_secs(30),
            admin_hosts: Vec::new(),
            tasks: None,
            google: None,
            deliverer: None,
            own_sender: None,
        }
    }
}

impl ServeOptions {
    /// Puts the keys of the tasks into the environment, unless it has others.
    fn give_keys(&mut self) {
        let has_keys =
            |env: &[(String, String)]| env.iter().any(|(name, _)| name == DeferredKeys::VARIABLE);
        if let Some(keys) = self.tasks.as_ref().and_then(Tasks::keys)
            && !has_keys(&self.env)
        {
            let variable = DeferredKeys::VARIABLE.to_owned();
            self.env.push((variable, keys.value().to_owned()));
        }
    }
}

/// A folder of this machine that an application may read and write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LentFolder {
    /// Where it is.
    pub host: PathBuf,
    /// Where the application finds it.
    pub guest: String,
}

/// What everything that serves has in common.
pub(super) struct Shared {
    pub(super) app: App,
    pub(super) sender: Sender,
    pub(super) options: ServeOptions,
    /// Who answers what the application asks of Cloud Tasks; none leaves it to the network.
    pub(super) calls: Option<Calls>,
    pub(super) trust: Option<Trust>,
    pub(super) admission: Admission,
    pub(super) journal: Arc<Journal>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) protocols: auto::Builder<TokioExecutor>,
    /// Where it listens.
    pub(super) address: Option<SocketAddr>,
    pub(super) begun_at: SystemTime,
}

/// A server that listens and does not answer yet.
pub struct Server {
    shared: Arc<Shared>,
    listener: TcpListener,
    admin: Option<TcpListener>,
    tasks: Option<TcpListener>,
}

/// A server that has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// How many requests were cut off because they took longer than they were given.
    pub cut_off: u64,
}

impl Server {
    /// Serves an application to those who come to `listener`, and metrics and a console to those who come to `admin`: see [`listen`].
    pub fn new(
        app: App,
        sender: Sender,
        mut options: ServeOptions,
        listener: TcpListener,
        admin: Option<TcpListener>,
    ) -> Self {
        options.give_keys();
        let own = options.own_sender.clone().unwrap_or_else(|| sender.clone());
        let calls = match (&options.google, &options.tasks) {
            (Some(google), _) => {
                let google = CloudTasks::new(google.clone(), own.fetching());
                Some(Calls::AtGoogle(google, own.clone()))
            }
            (None, Some(tasks)) => Some(Calls::Here(tasks.clone())),
            (None, None) => None,
        };
        let deliverer = options.deliverer.clone();
        let shared = Shared {
            calls,
            trust: deliverer.map(|issuer| Trust::new(issuer, own.fetching())),
            admission: Admission::new(app.instances()),
            protocols: connection::protocols(options.head),
            address: listener.local_addr().ok(),
            begun_at: SystemTime::now(),
            app,
            sender,
            options,
            journal: Arc::default(),
            metrics: Arc::new(Metrics::new()),
        };
        Server {
            shared: Arc::new(shared),
            listener,
            admin,
            tasks: None,
        }
    }

    /// Answers calls of the API of tasks to those who come to `listener` as well, and know the token: see [`Tasks::with_token`].
    /// Without [`ServeOptions::tasks`] nobody is answered.
    pub fn tasks_listener(self, listener: TcpListener) -> Self {
        Server {
            tasks: Some(listener),
            ..self
        }
    }

    /// The requests it answers and has answered.
    pub fn journal(&self) -> Arc<Journal> {
        self.shared.journal.clone()
    }

    /// Answers until `stop`. Then everything that was accepted is answered still, within [`ServeOptions::drain`].
    pub async fn run(self, stop: impl Future<Output = ()>) -> Stopped {
        let Server {
            shared,
            listener,
            admin,
            tasks,
        } = self;
        let ticking = Ticking::start(&shared);
        let dispatching = Dispatching::start(&shared, &listener, tasks);
        let admin = admin.map(|listener| tokio::spawn(admin::serve(shared.clone(), listener)));
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        let serve =
            |stream, peer| connection::serve(shared.clone(), stream, peer, graceful.watcher());
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        connections.spawn(serve(stream, peer));
                    }
                    Err(error) => {
                        // Out of descriptors, mostly: some will be closed soon.
                        tracing::warn!(target: "serve", %error, "cannot accept a connection");
                        sleep(Duration::from_millis(10)).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
        tracing::info!(target: "serve", in_flight = shared.admission.in_flight(), "stopping");
        shared.admission.stop();
        let mut dispatching = dispatching.map(Dispatching::stop);
        // Whom the kernel has let in is served, whether we had time for him or not. A sleeping runtime asks the kernel.
        sleep(Duration::from_millis(1)).await;
        while let Some((stream, peer)) = waiting(&listener).await {
            connections.spawn(serve(stream, peer));
        }
        drop(listener);
        let ended = timeout(shared.options.drain, async {
            sleep(LAST_WORD.min(shared.options.drain)).await;
            graceful.shutdown().await;
            shared.admission.empty().await;
            // What became of the last deliveries is on file.
            if let Some(dispatching) = &mut dispatching {
                let _ = dispatching.await;
            }
        });
        let mut cut_off = 0;
        if ended.await.is_err() {
            cut_off = shared.admission.in_flight();
            tracing::warn!(target: "serve", cut_off, "stopped before every request had ended");
            shared.admission.cut();
            // Whoever was cut off is told so, if he listens.
            let _ = timeout(CUT, async {
                shared.admission.empty().await;
                while connections.join_next().await.is_some() {}
            })
            .await;
        }
        if let Some(admin) = admin {
            admin.abort();
        }
        drop(ticking);
        Stopped { cut_off }
    }
}

/// Listens, with room for those who come all at once. Port 0 takes a free one. Needs a tokio runtime; fails when the port is taken.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // So that a server can follow another one at once. Elsewhere than on Unix it would let two listen at the same port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A connection that is there already; none when there is none. True only when the runtime has asked the kernel a moment ago.
async fn waiting(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    poll_fn(|cx| match listener.poll_accept(cx) {
        Poll::Ready(Ok(accepted)) => Poll::Ready(Some(accepted)),
        Poll::Ready(Err(_)) | Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// The dispatcher of tasks, and the API for others than the application. What they do not end is aborted with them.
struct Dispatching {
    dispatcher: JoinHandle<()>,
    stop: oneshot::Sender<()>,
    listening: Option<JoinHandle<()>>,
}

impl Dispatching {
    /// None when there are no tasks.
    fn start(
        shared: &Arc<Shared>,
        public: &TcpListener,
        listener: Option<TcpListener>,
    ) -> Option<Self> {
        let tasks = shared.options.tasks.clone()?;
        let deliver = delivery::by(shared.clone(), public.local_addr().ok());
        let (stop, stopping) = oneshot::channel();
        // An error is what says so.
        let stopping = async { drop(stopping.await) };
        let dispatcher = tokio::spawn(tasks::dispatch(tasks.store(), deliver, stopping));
        let listening =
            listener.map(|listener| tokio::spawn(tasks::serve_listener(tasks, listener)));
        Some(Dispatching {
            dispatcher,
            stop,
            listening,
        })
    }

    /// Nothing more is taken up. Gives what ends when all is noted that was under way.
    fn stop(self) -> JoinHandle<()> {
        drop(self.stop);
        if let Some(listening) = self.listening {
            listening.abort();
        }
        self.dispatcher
    }
}

/// Moves the engine's epoch on, from a thread of its own: the others may all be computing. Ends when it is dropped.
struct Ticking {
    _alive: std::sync::mpsc::Sender<()>,
}

impl Ticking {
    fn start(shared: &Shared) -> Self {
        let engine = shared.app.engine.clone();
        let (alive, ended) = std::sync::mpsc::channel::<()>();
        std::thread::spawn(move || {
            use std::sync::mpsc::RecvTimeoutError;
            while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                engine.increment_epoch();
            }
        });
        Ticking { _alive: alive }
    }
}
