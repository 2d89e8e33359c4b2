//! `urlfetch serve`: options into an application, a sender and a server; signals into its end.

use super::signals::Signals;
use super::task_options::TaskOptions;
use super::{Refusal, Verdict, args, output};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use urlfetch_host::serve::{
    App, AppOptions, LentFolder, LogFormat, ServeOptions, Server, listen, start_log,
};
use urlfetch_host::{
    AllowedHost, BlockedNetwork, EgressPolicy, Part, Sender, SenderOptions, raise_fd_limit,
};

/// Sockets that are asked of the system, if it grants them: clients, and what requests fetch.
const SOCKETS: u64 = 65_536;
/// Without as many there is no point in beginning.
const FEWEST_SOCKETS: u64 = 128;
/// How many connections the server has for itself: to Cloud Tasks, and for tokens and keys.
const OWN_SOCKETS: usize = 64;
/// After how many turns of its tasks a thread looks after its sockets; tokio's own 61 would be an eighth of a second.
const TURNS: u32 = 13;

/// Serve an HTTP application: a component that exports wasi:http/incoming-handler@0.2 or wasi:http/handler@0.3.
///
/// An application that imports urlfetch:rpc is composed with the component first. Every request gets an instance of its own, which
/// lives as long as it works on it. What it fetches goes over connections that all requests share. When the server listens, it says
/// so on standard output, a line for each address; the log is on standard error.
///
/// SIGINT and SIGTERM stop it: what was accepted is answered first. Exit code 0 when everything was, 1 when a request was cut off
/// or a second signal came, 2 on bad usage: one line on stderr that names the argument.
#[derive(clap::Args)]
pub(crate) struct ServeArgs {
    /// The application: a component.
    #[arg(value_name = "APP")]
    app: String,
    /// Where to listen; port 0 is a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = args::address)]
    addr: SocketAddr,
    /// Where to answer those who run the server: a console for the browser, which shows requests and
    /// deferred tasks and has tasks run or deleted, and /metrics for Prometheus. Keep it from strangers.
    #[arg(long, value_name = "ADDR", value_parser = args::address)]
    admin: Option<SocketAddr>,
    /// A name by which browsers may come to the admin address, which are otherwise refused unless they come by its address or
    /// as localhost. May be repeated.
    #[arg(long, value_name = "NAME", value_parser = name, requires = "admin")]
    admin_host: Vec<String>,
    /// A variable of the application's environment, which has no others. May be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    /// A folder that the application may read and write, and where it finds it: at the same path when GUEST is left out. May be
    /// repeated; without it the application has no files.
    #[arg(long, value_name = "HOST[::GUEST]", value_parser = folder)]
    dir: Vec<LentFolder>,
    /// Trust the certificates in this PEM file as well.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<String>,
    /// A host that may be fetched from, [SCHEME://]HOST[:PORT]; HOST may be *.NAME, a network or *, PORT may be FROM..TO or *: what
    /// Spin's allowed_outbound_hosts say. May be repeated; every hop is judged. Without it every host may.
    #[arg(long, value_name = "HOST")]
    allow_host: Vec<AllowedHost>,
    /// A network that is never connected to, whatever name led there: 10.0.0.0/8, say, or `private` for all that is not public. May
    /// be repeated.
    #[arg(long, value_name = "NETWORK")]
    block_network: Vec<BlockedNetwork>,
    #[command(flatten)]
    tasks: TaskOptions,
    /// How many requests may be in flight; the others are answered 503 and asked to come again.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    max_requests: u32,
    /// Seconds a request may take, with all its application does for it; then it is answered 504, or its answer ends.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = args::seconds, allow_negative_numbers = true)]
    timeout: f64,
    /// MiB that the body of a request may have; more is answered 413.
    #[arg(long, value_name = "MIB", default_value_t = 100, value_parser = clap::value_parser!(u64).range(..=1 << 20))]
    max_body: u64,
    /// Seconds that requests in flight are given after the signal to stop.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = args::seconds, allow_negative_numbers = true)]
    drain: f64,
    /// How the log looks: lines of text, or of JSON. The environment variable RUST_LOG filters it.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log: Format,
    /// Compile anew instead of keeping machine code in the user's cache folder.
    #[arg(long)]
    no_cache: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Serves until a signal comes.
pub(crate) fn run(args: ServeArgs) -> Result<Verdict, Refusal> {
    if args.admin == Some(args.addr) && args.addr.port() != 0 {
        return Err(Refusal::new(format!(
            "--admin '{}': is the address of --addr too: name another port",
            args.addr
        )));
    }
    let name = format!("APP '{}'", args.app);
    let bytes =
        std::fs::read(&args.app).map_err(|error| Refusal::new(format!("{name}: {error}")))?;
    start_log(match args.log {
        Format::Text => LogFormat::Text,
        Format::Json => LogFormat::Json,
    });
    let sender = sender(&args)?;
    let tasks = args.tasks.kept(&args.env, args.ca_file.as_deref())?;
    let google = args.tasks.google()?;
    let deliverer = args.tasks.deliverer()?;
    let own_sender = match google.is_some() || deliverer.is_some() {
        true => Some(own_sender(&args)?),
        false => None,
    };
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        // Before the application is compiled: that may take a while.
        let listener = bind("--addr", args.addr)?;
        let admin = args.admin.map(|admin| bind("--admin", admin)).transpose()?;
        let calls = args
            .tasks
            .listen()
            .map(|at| bind("--tasks-listen", at))
            .transpose()?;
        let mut lines = format!("listening on http://{}\n", listener.1);
        if let Some((_, admin)) = &admin {
            lines.push_str(&format!("admin on http://{admin}\n"));
        }
        if let Some((_, calls)) = &calls {
            lines.push_str(&format!("tasks on http://{calls}\n"));
        }
        let options = AppOptions {
            instances: args.max_requests,
            cache: cache_folder().filter(|_| !args.no_cache),
        };
        let app = App::load(Part { name, bytes }, &options)
            .await
            .map_err(Refusal::new)?;
        tracing::info!(
            target: "serve",
            interface = app.interface(),
            composed = app.is_composed(),
            instances = app.instances(),
            core_instances_each = app.needs().core_instances,
            memories_each = app.needs().memories,
            tables_each = app.needs().tables,
            tasks = %args.tasks.told(google.as_ref()),
            "ready"
        );
        let options = ServeOptions {
            env: args.env,
            folders: args.dir,
            timeout: seconds(args.timeout),
            max_body: args.max_body << 20,
            drain: seconds(args.drain),
            admin_hosts: args.admin_host,
            tasks: tasks
                .map(|tasks| {
                    args.tasks
                        .with_issuer(tasks, calls.as_ref().map(|calls| calls.1))
                })
                .transpose()?,
            google,
            deliverer,
            own_sender,
            ..ServeOptions::default()
        };
        let admin = admin.map(|(listener, _)| listener);
        let mut server = Server::new(app, sender, options, listener.0, admin);
        if let Some((calls, _)) = calls {
            server = server.tasks_listener(calls);
        }
        let mut signals = Signals::listen()?;
        output::print(lines.as_bytes())?;
        let (stop, stopping) = oneshot::channel::<()>();
        let again = async move {
            signals.next().await;
            drop(stop);
            signals.next().await;
        };
        let running = server.run(async {
            // An error is what says so.
            let _ = stopping.await;
        });
        tokio::select! {
            stopped = running => Ok(match stopped.cut_off {
                0 => Verdict::Succeeded,
                _ => Verdict::SomeFailed,
            }),
            () = again => {
                tracing::warn!(target: "serve", "stopped at once: a second signal came");
                Ok(Verdict::SomeFailed)
            }
        }
    });
    // A lookup that still waits for an answer does not hold the process.
    runtime.shutdown_background();
    ended
}

/// Applications that compute take turns of milliseconds: what the sockets have to say is asked for after a few of them.
fn runtime() -> Result<Runtime, Refusal> {
    Builder::new_multi_thread()
        .enable_all()
        .event_interval(TURNS)
        .build()
        .map_err(|error| Refusal::new(format!("no threads to run on: {error}")))
}

/// What is too long to be said is for ever.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// Listens, and says where.
fn bind(option: &str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), Refusal> {
    listen(address)
        .and_then(|listener| {
            let address = listener.local_addr()?;
            Ok((listener, address))
        })
        .map_err(|error| Refusal::new(format!("{option} '{address}': {error}")))
}

/// What requests are sent by: everything that the options say about the way out.
fn sender(args: &ServeArgs) -> Result<Sender, Refusal> {
    let options = SenderOptions {
        egress: EgressPolicy {
            allowed_hosts: args.allow_host.clone(),
            blocked_networks: args.block_network.clone(),
        },
        // Each request in flight has a socket of its own; the others are for what requests fetch.
        max_connections: Some(sockets(args.max_requests)?),
        ..SenderOptions::default()
    };
    super::ca_file::sender(args.ca_file.as_deref(), options)
}

/// What the server asks by for itself. What its operator has said about the application's way out is not about this one.
fn own_sender(args: &ServeArgs) -> Result<Sender, Refusal> {
    let options = SenderOptions {
        max_connections: Some(OWN_SOCKETS),
        ..SenderOptions::default()
    };
    super::ca_file::sender(args.ca_file.as_deref(), options)
}

/// How many sockets there are for outbound connections, when every request in flight has its own.
fn sockets(max_requests: u32) -> Result<usize, Refusal> {
    let inbound = u64::from(max_requests) * 2;
    let refused = |error| Refusal::new(format!("--max-requests {max_requests}: {error}"));
    let granted = match raise_fd_limit(SOCKETS) {
        Ok(granted) => granted,
        Err(limited) => {
            raise_fd_limit(limited.limit.saturating_sub(FEWEST_SOCKETS)).map_err(refused)?
        }
    };
    if granted < inbound + FEWEST_SOCKETS {
        raise_fd_limit(inbound + FEWEST_SOCKETS).map_err(refused)?;
    }
    Ok(usize::try_from(granted - inbound).unwrap_or(usize::MAX))
}

/// Where machine code is kept: a folder that only its owner writes to. None where there is no home.
fn cache_folder() -> Option<PathBuf> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(caches.join("urlfetch"))
}

/// A host's name without a port: as a browser's address bar has it.
fn name(text: &str) -> Result<String, String> {
    let is_name = text
        .parse::<http::uri::Authority>()
        .is_ok_and(|it| it.host() == text);
    match is_name {
        true => Ok(text.to_owned()),
        false => Err("is not the name of a host, such as console.example".into()),
    }
}

/// A folder that is there.
fn folder(text: &str) -> Result<LentFolder, String> {
    let (host, guest) = text.split_once("::").unwrap_or((text, text));
    if host.is_empty() || guest.is_empty() {
        return Err("is not of the form HOST or HOST::GUEST".into());
    }
    std::fs::read_dir(host).map_err(|error| error.to_string())?;
    Ok(LentFolder {
        host: host.into(),
        guest: guest.to_owned(),
    })
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !text.contains('\0') => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("is not of the form NAME=VALUE".into()),
    }
}
