//! `urlfetch serve`: options into an application, a sender and a server; signals into its end.

use super::signals::Signals;
use super::{Refusal, Verdict, args, output};
use http::Uri;
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
    AllowedHost, BlockedNetwork, Credentials, DeferredKeys, EgressPolicy, GoogleTasks, Issuer,
    Part, Sender, SenderOptions, Tasks, Token, TrustedIssuer, raise_fd_limit,
};

/// Sockets that are asked of the system, if it grants them: clients, and what requests fetch.
const SOCKETS: u64 = 65_536;
/// Without as many there is no point in beginning.
const FEWEST_SOCKETS: u64 = 128;
/// How many connections the server has for itself: to Cloud Tasks, and for tokens and keys.
const OWN_SOCKETS: usize = 64;
/// What tokens call their issuer when it has no address: the application can read its keys there, and nobody else.
const ISSUER: &str = "http://tasks.urlfetch.internal";
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
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = address)]
    addr: SocketAddr,
    /// Where to answer those who run the server: a console for the browser, which shows requests and
    /// deferred tasks and has tasks run or deleted, and /metrics for Prometheus. Keep it from strangers.
    #[arg(long, value_name = "ADDR", value_parser = address)]
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
    /// What the application defers: `local` keeps its tasks in --tasks-file and delivers them when they are due;
    /// postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE keeps them in a database, where every server that names it delivers what any
    /// of them was given; `google` sends calls of the application to Google, with a token that this server gets by Application Default
    /// Credentials; `off` does nothing of the kind. Unless it is `off` or `google` calls of the application to
    /// https://cloudtasks.googleapis.com/v2/ are answered here. Unless it is `off` requests from outside lose headers that only
    /// deliveries have (X-CloudTasks-*, X-AppEngine-*, X-Google-*, X-Urlfetch-*) and may not ask for /_ah/queue/*. A password may be in
    /// the environment variable PGPASSWORD instead; HOST may be a list, or a socket's folder with %2F for each slash; with
    /// ?sslmode=require the connection is TLS, and the certificate is judged.
    #[arg(long, value_name = "ENGINE", default_value = "local", value_parser = engine)]
    tasks: Engine,
    /// Where `local` keeps tasks: a file that belongs to one server, and is made by the first task. Beside it, with the extension `token`,
    /// lies the token of --tasks-listen, and with the extension `key` the key by which the application knows its own tasks, which it
    /// is given as URLFETCH_DEFERRED_KEYS unless --env gives another. Only their owner may read these two. A database has that key too.
    #[arg(long, value_name = "FILE", default_value = ".urlfetch/tasks.db")]
    tasks_file: PathBuf,
    /// Where to answer the API of Cloud Tasks to those who send the token as `Authorization: Bearer TOKEN`: `urlfetch tasks`, and
    /// Google's clients with this address as their endpoint.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    tasks_listen: Option<SocketAddr>,
    /// By which URL others reach --tasks-listen, when it is not that address: the issuer (`iss`) of the tokens that tasks wish their
    /// deliveries to show, under which /.well-known/openid-configuration and /jwks are read. Their key lies beside --tasks-file, with the
    /// extension `oidc.pem`.
    #[arg(long, value_name = "URL", value_parser = origin)]
    tasks_url: Option<Uri>,
    /// With --tasks google: where Cloud Tasks is, SCHEME://HOST[:PORT].
    #[arg(long, value_name = "URL", value_parser = origin)]
    tasks_endpoint: Option<Uri>,
    /// Whose OIDC tokens make a request from outside a delivery, which keeps its headers and may ask for /_ah/queue/*: `google`, or the
    /// URL of an issuer, such as another server's --tasks-url.
    #[arg(long, value_name = "ISSUER", requires_all = ["tasks_audience", "tasks_email"])]
    tasks_issuer: Option<String>,
    /// Whom such a token must be for: what tasks say as `audience`, or their URL. May be repeated.
    #[arg(long, value_name = "AUDIENCE", requires = "tasks_issuer")]
    tasks_audience: Vec<String>,
    /// Whose such a token must be: what tasks say as `serviceAccountEmail`. May be repeated.
    #[arg(long, value_name = "EMAIL", requires = "tasks_issuer")]
    tasks_email: Vec<String>,
    /// Where the keys of --tasks-issuer are, when it does not say so itself.
    #[arg(long, value_name = "URL", requires = "tasks_issuer", value_parser = url)]
    tasks_jwks: Option<Uri>,
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

/// Who keeps tasks.
#[derive(Clone, PartialEq, Eq)]
enum Engine {
    Local,
    Google,
    Off,
    /// The URL of a database, which may have a password.
    Postgres(String),
}

/// Reads the name of an engine.
fn engine(text: &str) -> Result<Engine, String> {
    match text {
        "local" => Ok(Engine::Local),
        "off" => Ok(Engine::Off),
        "google" => Ok(Engine::Google),
        text if text.starts_with("postgres://") || text.starts_with("postgresql://") => {
            Ok(Engine::Postgres(text.to_owned()))
        }
        _ => Err("is none of `local`, `google`, `off` and postgres://...".into()),
    }
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
    let tasks = tasks(&args)?;
    let google = google(&args)?;
    let deliverer = deliverer(&args)?;
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
            .tasks_listen
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
            tasks = %match (&args.tasks, &google) {
                (Engine::Local, _) => args.tasks_file.display().to_string(),
                (Engine::Postgres(_), _) => "postgres".to_owned(),
                (Engine::Google, Some(google)) => format!("{} by {:?}", google.endpoint, google.credentials),
                (Engine::Google | Engine::Off, _) => "off".to_owned(),
            },
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
                    let url = match (&args.tasks_url, &calls) {
                        (Some(url), _) => url.to_string(),
                        (None, Some((_, calls))) => format!("http://{calls}"),
                        (None, None) => ISSUER.to_owned(),
                    };
                    let file = args.tasks_file.with_extension("oidc.pem");
                    let issuer = Issuer::open(url.trim_end_matches('/'), &file);
                    issuer.map(|issuer| tasks.with_issuer(issuer))
                })
                .transpose()
                .map_err(|error| Refusal::new(format!("--tasks-file: {error}")))?,
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

/// The tasks that the options speak of.
fn tasks(args: &ServeArgs) -> Result<Option<Tasks>, Refusal> {
    if matches!(args.tasks, Engine::Google | Engine::Off) {
        let at = args
            .tasks_listen
            .map(|at| ("--tasks-listen", at.to_string()));
        let url = args.tasks_url.as_ref();
        return match at.or(url.map(|url| ("--tasks-url", url.to_string()))) {
            Some((option, said)) => Err(Refusal::new(format!(
                "{option} '{said}': there is nothing to answer with --tasks google or --tasks off"
            ))),
            None => Ok(None),
        };
    }
    let mut tasks = match &args.tasks {
        Engine::Postgres(url) => connect(url, args.ca_file.as_deref())?,
        _ => Tasks::open(&args.tasks_file).map_err(|error| {
            Refusal::new(format!(
                "--tasks-file: {error}: name another one, or --tasks off"
            ))
        })?,
    };
    let beside = |extension| args.tasks_file.with_extension(extension);
    let refused = |file: PathBuf| {
        move |error| Refusal::new(format!("--tasks-file: '{}': {error}", file.display()))
    };
    let has_keys = |(name, _): &(String, String)| name == DeferredKeys::VARIABLE;
    if args.tasks == Engine::Local && !args.env.iter().any(has_keys) {
        let file = beside("key");
        tasks = tasks.with_keys(DeferredKeys::of_file(&file).map_err(refused(file))?);
    }
    if args.tasks_listen.is_some() {
        let file = beside("token");
        tasks = tasks.with_token(Token::of_file(&file).map_err(refused(file))?);
    }
    Ok(Some(tasks))
}

/// The tasks in a database, which is trusted as the others are that are connected to.
fn connect(url: &str, ca_file: Option<&str>) -> Result<Tasks, Refusal> {
    let roots = super::ca_file::read(ca_file)?;
    Tasks::connect(url, &roots)
        .map_err(|error| Refusal::new(format!("--tasks postgres://...: the database: {error}")))
}

/// By what right, and where, Cloud Tasks is called for the application.
fn google(args: &ServeArgs) -> Result<Option<GoogleTasks>, Refusal> {
    if args.tasks != Engine::Google {
        return match &args.tasks_endpoint {
            Some(url) => Err(Refusal::new(format!(
                "--tasks-endpoint '{url}': nobody asks there without --tasks google"
            ))),
            None => Ok(None),
        };
    }
    let credentials = Credentials::find(|name| std::env::var(name).ok());
    let credentials =
        credentials.map_err(|error| Refusal::new(format!("--tasks google: {error}")))?;
    let mut google = GoogleTasks::new(credentials);
    if let Some(endpoint) = &args.tasks_endpoint {
        google.endpoint = endpoint.clone();
    }
    Ok(Some(google))
}

/// Whose tokens let deliveries in.
fn deliverer(args: &ServeArgs) -> Result<Option<TrustedIssuer>, Refusal> {
    let Some(issuer) = &args.tasks_issuer else {
        return Ok(None);
    };
    let (audiences, emails) = (args.tasks_audience.clone(), args.tasks_email.clone());
    let mut trusted = match issuer.as_str() {
        "google" => TrustedIssuer::google(audiences, emails),
        issuer => {
            url(issuer)
                .map_err(|wrong| Refusal::new(format!("--tasks-issuer '{issuer}': {wrong}")))?;
            TrustedIssuer {
                issuers: vec![issuer.to_owned()],
                jwks_uri: None,
                audiences,
                emails,
            }
        }
    };
    if let Some(keys) = &args.tasks_jwks {
        trusted.jwks_uri = Some(keys.to_string());
    }
    Ok(Some(trusted))
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

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "is not an address and a port, such as 127.0.0.1:8080 or [::1]:8080".to_owned()
    })
}

/// A URL of HTTP.
fn url(text: &str) -> Result<Uri, String> {
    let uri = text.parse::<Uri>().ok();
    uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
        .ok_or_else(|| "is not a URL, such as https://tasks.example".to_owned())
}

/// The same, without a path.
fn origin(text: &str) -> Result<Uri, String> {
    let uri = url(text)?;
    match uri.path_and_query().map(|it| it.as_str()) {
        None | Some("/") => Ok(uri),
        Some(_) => Err("has a path: name a scheme, a host and perhaps a port".into()),
    }
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
