//! Deferred tasks: the API of Cloud Tasks v2 over a file, and the dispatcher that delivers what is due.
//!
//! `api` and `batch` answer calls and `listener` those that come by a socket; `task`, `queue` and `fields` know what they are in JSON.
//! `policy` has the rules of retries, limits and names. `table`, `queues` and `attempts` have the verbs, `sql` what they need of a
//! database, `sqlite` and `postgres` the two that there are, `shared` what hosts agree on that share one, and `store` the way to either.
//! `dispatch` delivers; `overview` is what the console shows. `token` and `keys` are the secrets beside the file. Time is an
//! argument everywhere but in `dispatch` and at the edge, which is here.

mod api;
mod attempts;
mod batch;
mod dispatch;
mod fields;
mod keys;
mod listener;
mod moment;
mod overview;
#[cfg(test)]
mod place;
mod policy;
mod postgres;
mod queue;
mod queues;
mod retry_after;
pub(crate) mod secret_file;
mod shared;
mod sql;
mod sqlite;
mod status;
mod store;
mod table;
mod task;
mod token;

pub(crate) use dispatch::{Deliver, Delivered, run as dispatch};
pub use keys::DeferredKeys;
pub(crate) use listener::{bearer, serve as serve_listener};
pub(crate) use overview::After;
pub(crate) use retry_after::retry_after;
pub(crate) use status::Status;
pub use token::Token;

use crate::oidc::Issuer;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Method, Request, Response, Uri};
use serde_json::Value;
use std::path::Path;
use std::time::SystemTime;
use store::Store;

/// The authority that is answered here when an application asks for it.
pub(crate) const AUTHORITY: &str = "cloudtasks.googleapis.com";
/// What the body of a call may have: a task's at its largest in base64, and some.
pub(crate) const MAX_CALL: usize = 4 << 20;

/// Tasks on file. Cheap to clone; clones are the same tasks.
#[derive(Clone, Debug)]
pub struct Tasks {
    store: Store,
    token: Option<Token>,
    keys: Option<DeferredKeys>,
    issuer: Option<Issuer>,
}

/// Why there are no tasks: one line that names the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TasksError(String);

impl Tasks {
    /// Tasks in this file, an SQLite database, which with its folder is made by the first task. Fails when another process has it
    /// open, and when it is something else. Deliveries that the end of another process has cut off count as attempts, and are tried
    /// again.
    pub fn open(file: &Path) -> Result<Self, TasksError> {
        let store = Store::open(file.to_owned()).map_err(|error| TasksError(error.to_string()))?;
        Ok(Tasks {
            store,
            token: None,
            keys: None,
            issuer: None,
        })
    }

    /// Tasks in a PostgreSQL database, which hosts that name the same one share: what one was given another may deliver, and what
    /// one cut off by its end another tries again within about a second. The tables are made in a schema of their own, and with them
    /// keys that all these hosts' applications are given.
    ///
    /// `url` is postgres://USER[:PASSWORD]@HOST[:PORT][,HOST...]/DATABASE; a password may be in the environment variable PGPASSWORD
    /// instead. With `?sslmode=require` the connection is TLS, and the certificate has to be right: Mozilla's roots are trusted and
    /// those in `extra_roots_pem`. Fails when the database cannot be reached or does not let us in; when it goes away later, calls are
    /// answered 503 until it is there again. Waits for the database: not to be called by what runs asynchronously.
    pub fn connect(url: &str, extra_roots_pem: &[u8]) -> Result<Self, TasksError> {
        let tls = crate::sender::tls::client_config(extra_roots_pem)
            .map_err(|error| TasksError(error.to_string()))?;
        let (store, keys) =
            Store::connect(url, tls).map_err(|error| TasksError(error.to_string()))?;
        let keys = DeferredKeys::kept(&keys)
            .ok_or_else(|| TasksError("the keys that it has are none".into()))?;
        Ok(Tasks {
            store,
            token: None,
            keys: Some(keys),
            issuer: None,
        })
    }

    /// The same, with what others than the application have to know: see [`Server::tasks_listener`](crate::serve::Server).
    pub fn with_token(self, token: Token) -> Self {
        Tasks {
            token: Some(token),
            ..self
        }
    }

    /// The same, with keys for the application that is served: they are in its environment, unless that has others, and on file
    /// before the first task is accepted.
    pub fn with_keys(self, keys: DeferredKeys) -> Self {
        Tasks {
            keys: Some(keys),
            ..self
        }
    }

    /// The same, with who signs the tokens that tasks may wish their deliveries to show (`oidcToken`): without it they may not.
    pub fn with_issuer(self, issuer: Issuer) -> Self {
        Tasks {
            issuer: Some(issuer),
            ..self
        }
    }

    /// Answers a call of the API: a path that begins with `/v2/`, with its query, and a body. Nobody's right to do so is asked after.
    ///
    /// Beside what Cloud Tasks knows, `projects/-/locations/-/queues` lists the queues of every location.
    pub async fn call(&self, method: &Method, uri: &Uri, body: &[u8]) -> Response<Bytes> {
        if body.len() > MAX_CALL {
            return too_large();
        }
        if let Some(keys) = self.keys.as_ref().filter(|_| method == Method::POST)
            && let Err(reason) = keys.keep().await
        {
            return Status::unavailable(reason).response();
        }
        let Some(id) = token::random_name() else {
            return Status::unavailable("there is no randomness to name a task with").response();
        };
        let issuer = self.issuer.as_ref();
        match self.store.now().await {
            Ok(now) => api::call(&self.store, issuer, method, uri, body, id, now).await,
            Err(error) => Status::from(error).response(),
        }
    }

    /// All queues, with how much is in them, as the console shows them. The error says why the file cannot be read.
    pub(crate) async fn overview(&self) -> Result<Vec<Value>, String> {
        let told = self.store.look(overview::queues).await;
        told.map_err(|error| error.to_string())
    }

    /// A queue with a page of its tasks; none when there is no such queue.
    pub(crate) async fn page(
        &self,
        queue: &str,
        after: Option<After>,
    ) -> Result<Option<Value>, String> {
        let queue = queue.to_owned();
        let told = self.store.look(move |tx| overview::page(tx, &queue, after));
        told.await.map_err(|error| error.to_string())
    }

    /// Whether this is what others than the application have to say.
    pub(crate) fn knows(&self, said: &str) -> bool {
        self.token.as_ref().is_some_and(|token| token.is(said))
    }

    /// The keys of the application.
    pub(crate) fn keys(&self) -> Option<&DeferredKeys> {
        self.keys.as_ref()
    }

    /// Who signs tokens.
    pub(crate) fn issuer(&self) -> Option<&Issuer> {
        self.issuer.as_ref()
    }

    /// Has a delivery show the token that its task wished for, in place of whatever it was to show. Says in words why it cannot.
    pub(crate) async fn authorize(&self, delivery: &mut Request<Bytes>) -> Result<(), String> {
        let Some(wish) = delivery.extensions_mut().remove::<task::OidcWish>() else {
            return Ok(());
        };
        let issuer = self.issuer.as_ref().ok_or("there is no issuer of tokens")?;
        let audience = wish.audience.unwrap_or_default();
        let token = issuer
            .token(&wish.email, &audience, SystemTime::now())
            .await;
        let token = token.map_err(|error| error.to_string())?;
        let mut shown = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| "the token cannot be sent")?;
        shown.set_sensitive(true);
        delivery.headers_mut().insert(AUTHORIZATION, shown);
        Ok(())
    }

    /// What is on file.
    pub(crate) fn store(&self) -> Store {
        self.store.clone()
    }
}

/// The answer to a call whose body is too large to be read.
pub(crate) fn too_large() -> Response<Bytes> {
    Status::invalid("Request payload size exceeds the limit: 4194304 bytes.").response()
}
