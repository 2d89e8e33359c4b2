//! The options of `urlfetch serve` that are about deferred tasks: who keeps them, who may call their API, whose deliveries are let in.

use super::{Refusal, args, ca_file};
use http::Uri;
use std::net::SocketAddr;
use std::path::PathBuf;
use urlfetch_host::{Credentials, DeferredKeys, GoogleTasks, Issuer, Tasks, Token, TrustedIssuer};

/// What tokens call their issuer when it has no address: the application can read its keys there, and nobody else.
const ISSUER: &str = "http://tasks.urlfetch.internal";
// No words for --help of its own: they would take the place of those of `serve`.
#[derive(clap::Args)]
pub(crate) struct TaskOptions {
    /// What the application defers: `local` keeps its tasks in --tasks-file and delivers them when they are due;
    /// postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE keeps them in a database, where every server that names it delivers what any
    /// of them was given; `google` sends calls of the application to Google, with a token that this server gets by Application Default
    /// Credentials; `off` does nothing of the kind. Unless it is `off` or `google` calls of the application to
    /// https://cloudtasks.googleapis.com/v2/ are answered here. Unless it is `off` requests from outside lose headers that only
    /// deliveries have (X-CloudTasks-*, X-AppEngine-*, X-Google-*, X-Urlfetch-*) and may not ask for /_ah/queue/*. A password may be in
    /// the environment variable PGPASSWORD instead; HOST may be a list, of which the first that takes writes is used, or a socket's
    /// folder with %2F for each slash; with ?sslmode=require the connection is TLS, and the certificate is judged. Over TCP without
    /// TLS a password is not said to a server that asks for it. Other parameters are those of tokio-postgres: connect_timeout, say.
    #[arg(long, value_name = "ENGINE", default_value = "local", value_parser = engine)]
    tasks: Engine,
    /// Where `local` keeps tasks: a file that belongs to one server, and is made by the first task. Beside it, with the extension `token`,
    /// lies the token of --tasks-listen, and with the extension `key` the key by which the application knows its own tasks, which it
    /// is given as URLFETCH_DEFERRED_KEYS unless --env gives another. Only their owner may read these two. A database has that key too.
    #[arg(long, value_name = "FILE", default_value = ".urlfetch/tasks.db")]
    tasks_file: PathBuf,
    /// Where to answer the API of Cloud Tasks to those who send the token as `Authorization: Bearer TOKEN`: `urlfetch tasks`, and
    /// Google's clients with this address as their endpoint.
    #[arg(long, value_name = "ADDR", value_parser = args::address)]
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

impl TaskOptions {
    /// Where the API is to be answered by a socket.
    pub(crate) fn listen(&self) -> Option<SocketAddr> {
        self.tasks_listen
    }

    /// The tasks that are kept here, if any are; without what has to be known only when the server listens: see [`Self::with_issuer`].
    /// `env` is the application's.
    pub(crate) fn kept(
        &self,
        env: &[(String, String)],
        ca_file: Option<&str>,
    ) -> Result<Option<Tasks>, Refusal> {
        if matches!(self.tasks, Engine::Google | Engine::Off) {
            let at = self
                .tasks_listen
                .map(|at| ("--tasks-listen", at.to_string()));
            let url = self.tasks_url.as_ref();
            return match at.or(url.map(|url| ("--tasks-url", url.to_string()))) {
                Some((option, said)) => Err(Refusal::new(format!(
                    "{option} '{said}': there is nothing to answer with --tasks google or --tasks off"
                ))),
                None => Ok(None),
            };
        }
        let mut tasks = match &self.tasks {
            Engine::Postgres(url) => connect(url, ca_file)?,
            _ => Tasks::open(&self.tasks_file).map_err(|error| {
                Refusal::new(format!(
                    "--tasks-file: {error}: name another one, or --tasks off"
                ))
            })?,
        };
        let beside = |extension| self.tasks_file.with_extension(extension);
        let refused = |file: PathBuf| {
            move |error| Refusal::new(format!("--tasks-file: '{}': {error}", file.display()))
        };
        let has_keys = |(name, _): &(String, String)| name == DeferredKeys::VARIABLE;
        if self.tasks == Engine::Local && !env.iter().any(has_keys) {
            let file = beside("key");
            tasks = tasks.with_keys(DeferredKeys::of_file(&file).map_err(refused(file))?);
        }
        if self.tasks_listen.is_some() {
            let file = beside("token");
            tasks = tasks.with_token(Token::of_file(&file).map_err(refused(file))?);
        }
        Ok(Some(tasks))
    }

    /// By what right, and where, Cloud Tasks is called for the application.
    pub(crate) fn google(&self) -> Result<Option<GoogleTasks>, Refusal> {
        if self.tasks != Engine::Google {
            return match &self.tasks_endpoint {
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
        if let Some(endpoint) = &self.tasks_endpoint {
            google.endpoint = endpoint.clone();
        }
        Ok(Some(google))
    }

    /// Whose tokens let deliveries in.
    pub(crate) fn deliverer(&self) -> Result<Option<TrustedIssuer>, Refusal> {
        let Some(issuer) = &self.tasks_issuer else {
            return Ok(None);
        };
        let (audiences, emails) = (self.tasks_audience.clone(), self.tasks_email.clone());
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
        if let Some(keys) = &self.tasks_jwks {
            trusted.jwks_uri = Some(keys.to_string());
        }
        Ok(Some(trusted))
    }

    /// The tasks, with who signs the tokens of their deliveries; `address` is where the API is answered by a socket.
    pub(crate) fn with_issuer(
        &self,
        tasks: Tasks,
        address: Option<SocketAddr>,
    ) -> Result<Tasks, Refusal> {
        let url = match (&self.tasks_url, address) {
            (Some(url), _) => url.to_string(),
            (None, Some(address)) => format!("http://{address}"),
            (None, None) => ISSUER.to_owned(),
        };
        let file = self.tasks_file.with_extension("oidc.pem");
        Issuer::open(url.trim_end_matches('/'), &file)
            .map(|issuer| tasks.with_issuer(issuer))
            .map_err(|error| Refusal::new(format!("--tasks-file: {error}")))
    }

    /// Who keeps them, for the log. A database's URL may have a password.
    pub(crate) fn told(&self, google: Option<&GoogleTasks>) -> String {
        match (&self.tasks, google) {
            (Engine::Local, _) => self.tasks_file.display().to_string(),
            (Engine::Postgres(_), _) => "postgres".to_owned(),
            (Engine::Google, Some(google)) => {
                format!("{} by {:?}", google.endpoint, google.credentials)
            }
            (Engine::Google | Engine::Off, _) => "off".to_owned(),
        }
    }
}

/// The tasks in a database, which is trusted as the others are that are connected to.
fn connect(url: &str, ca_file: Option<&str>) -> Result<Tasks, Refusal> {
    let roots = ca_file::read(ca_file)?;
    Tasks::connect(url, &roots)
        .map_err(|error| Refusal::new(format!("--tasks postgres://...: the database: {error}")))
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
