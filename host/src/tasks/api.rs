//! The Cloud Tasks v2 REST API, as far as it is served: requests into verbs of the store, and what came of them into answers.
//!
//! Served are create, get, list, delete and run of tasks, create, get, list, patch, delete, pause, resume and purge of queues, and by
//! `batch` many tasks at once. Everything else is answered 501.

use super::fields::Fields;
use super::moment::Moment;
use super::policy::{MAX_TASK_BYTES, is_queue_id};
use super::queue::Queue;
use super::queues;
use super::status::{Status, answer};
use super::store::{Store, StoreError};
use super::table::{self, Enqueued, Found};
use super::task::{NewTask, VIEWS, judge_task_id};
use crate::oidc::Issuer;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Method, Response, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

/// The most that one page of a list has.
const PAGE: i64 = 1_000;
const NOT_FOUND: &str = "Requested entity was not found.";
const GONE: &str = "The task no longer exists, though a task with this name existed recently. The task either successfully completed or was deleted.";

/// What a path names.
#[derive(Debug, PartialEq)]
enum Target {
    /// All queues whose names begin so: `projects/P/locations/L/queues/`, or `projects/` for those of every location.
    Queues(String),
    Queue(String),
    Tasks(String),
    Task(String, String),
}

/// Answers one call. `id` is what a task that is made here is called when it has not said so itself; `issuer` has the
/// key of the tokens that deliveries may be wished to show.
pub(crate) async fn call(
    store: &Store,
    issuer: Option<&Issuer>,
    method: &Method,
    uri: &Uri,
    body: &[u8],
    id: String,
    now: Moment,
) -> Response<Bytes> {
    let called = Call {
        store,
        issuer,
        query: form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect(),
        now,
    };
    match called.route(method, uri.path(), body, id).await {
        Ok(value) => answer(StatusCode::OK, &value),
        Err(status) => status.response(),
    }
}

/// What every verb needs.
pub(super) struct Call<'a> {
    pub(super) store: &'a Store,
    issuer: Option<&'a Issuer>,
    query: Vec<(String, String)>,
    pub(super) now: Moment,
}

impl From<StoreError> for Status {
    fn from(error: StoreError) -> Self {
        Status::unavailable(format!("The store of tasks failed: {error}."))
    }
}

impl Call<'_> {
    async fn route(
        &self,
        method: &Method,
        path: &str,
        body: &[u8],
        id: String,
    ) -> Result<Value, Status> {
        let (target, verb) = parse(path)?;
        match (method.as_str(), target, verb.as_deref()) {
            ("POST", Target::Tasks(queue), None) => self.create(queue, body, id).await,
            ("POST", Target::Tasks(queue), Some("batchCreate")) => {
                self.batch_create(queue, body, id).await
            }
            ("POST", Target::Tasks(queue), Some("batchDelete")) => {
                self.batch_delete(queue, body, id).await
            }
            ("GET", Target::Tasks(queue), None) => self.list(queue).await,
            ("GET", Target::Task(queue, id), None) => self.get(queue, id).await,
            ("DELETE", Target::Task(queue, id), None) => self.delete(queue, id).await,
            ("POST", Target::Task(queue, id), Some("run")) => self.run(queue, id, body).await,
            ("POST", Target::Queues(location), None) => self.create_queue(location, body).await,
            ("GET", Target::Queues(location), None) => self.list_queues(location).await,
            ("GET", Target::Queue(queue), None) => self.get_queue(queue).await,
            ("PATCH", Target::Queue(queue), None) => self.patch_queue(queue, body).await,
            ("DELETE", Target::Queue(queue), None) => self.delete_queue(queue).await,
            ("POST", Target::Queue(queue), Some("pause")) => self.set_paused(queue, true).await,
            ("POST", Target::Queue(queue), Some("resume")) => self.set_paused(queue, false).await,
            ("POST", Target::Queue(queue), Some("purge")) => self.purge(queue).await,
            (method, ..) => Err(Status::unimplemented(format!(
                "{method} {path} is not served here."
            ))),
        }
    }

    async fn create(&self, queue: String, body: &[u8], id: String) -> Result<Value, Status> {
        let mut fields = Fields::of_body(body)?;
        fields.is_said("parent");
        let wanted = Wanted::read(fields)?;
        let (full, now) = (wanted.full, self.now);
        let new = match self.new_task(wanted, &queue, &id).await {
            Ok(new) => new,
            // That there is no such queue comes first; a good task is told so when it is put on file.
            Err(status) => return self.known(&queue).await.and(Err(status)),
        };
        let enqueued = self
            .store
            .promise(move |tx| table::enqueue(tx, &queue, id, new, now));
        created(enqueued.await?, full)
    }

    /// The task that a request wants; `id` is what it is called when it does not say so itself.
    pub(super) async fn new_task(
        &self,
        wanted: Wanted,
        queue: &str,
        id: &str,
    ) -> Result<NewTask, Status> {
        let task = wanted.task;
        let task = task.ok_or_else(|| Status::invalid("CreateTaskRequest.task is required."))?;
        let new = NewTask::read(task, queue, self.now)?;
        let id = new.id.as_deref().unwrap_or(id);
        let name_length = queue.len() + "/tasks/".len() + id.len();
        if new.request.weight(name_length) > MAX_TASK_BYTES {
            return Err(Status::invalid("Task size too large"));
        }
        if new.request.oidc.is_some() {
            let issuer = self.issuer.ok_or_else(|| {
                Status::invalid("HttpRequest.oidcToken is not served here: this server has no key to sign tokens with.")
            })?;
            // A key that cannot be made is told who wants it, and not found out when the task is due.
            let ready = issuer.ready().await;
            ready.map_err(|error| {
                Status::unavailable(format!("There is no key for tokens: {error}."))
            })?;
        }
        Ok(new)
    }

    /// Fails when there is no such queue.
    pub(super) async fn known(&self, queue: &str) -> Result<(), Status> {
        let name = queue.to_owned();
        let known = self.store.look(move |tx| queues::find(tx, &name)).await?;
        known.map(drop).ok_or_else(Status::no_queue)
    }

    async fn get(&self, queue: String, id: String) -> Result<Value, Status> {
        let (full, now) = (self.full()?, self.now);
        let found = self.store.look(move |tx| table::task(tx, &queue, &id, now));
        there(found.await?).map(|task| task.json(full))
    }

    async fn list(&self, queue: String) -> Result<Value, Status> {
        let (full, page) = (self.full()?, Page::of(self)?);
        let (after, most) = (page.after, page.size + 1);
        let listed = self
            .store
            .look(move |tx| table::tasks(tx, &queue, &after, most));
        let mut tasks = listed.await?.ok_or_else(Status::no_queue)?;
        let more = tasks.len() > page.size;
        tasks.truncate(page.size);
        let next = tasks.last().filter(|_| more).map(|task| task.id.clone());
        let tasks = tasks.iter().map(|task| task.json(full)).collect();
        Ok(listing("tasks", tasks, next))
    }

    async fn delete(&self, queue: String, id: String) -> Result<Value, Status> {
        let now = self.now;
        let found = self
            .store
            .promise(move |tx| table::delete(tx, &queue, &id, now));
        there(found.await?).map(|()| json!({}))
    }

    async fn run(&self, queue: String, id: String, body: &[u8]) -> Result<Value, Status> {
        let mut fields = Fields::of_body(body)?;
        let view = fields.name_of("response_view", VIEWS)?;
        fields.is_said("name");
        fields.end()?;
        let now = self.now;
        let found = self
            .store
            .promise(move |tx| table::force(tx, &queue, &id, now));
        there(found.await?).map(|task| task.json(view == Some("FULL")))
    }

    async fn create_queue(&self, location: String, body: &[u8]) -> Result<Value, Status> {
        let mut fields = Fields::of_body(body)?;
        let name = fields.text("name")?.unwrap_or_default();
        let id = name.strip_prefix(&location).unwrap_or_default();
        if !is_queue_id(id) {
            return Err(Status::invalid(format!(
                "Queue.name must be {location}QUEUE, and QUEUE 1 to 100 letters ([A-Za-z]), numbers ([0-9]) or hyphens (-)."
            )));
        }
        let mut queue = Queue::ordinary(name);
        queue.change(fields, None)?;
        let (made, now) = (queue.clone(), self.now);
        match self
            .store
            .promise(move |tx| queues::create(tx, &made, now))
            .await?
        {
            Some(true) => Ok(queue.json()),
            Some(false) => Err(Status::exists("Queue already exists")),
            None => Err(Status::precondition(
                "The queue cannot be created because a queue with this name existed too recently.",
            )),
        }
    }

    async fn list_queues(&self, location: String) -> Result<Value, Status> {
        let page = Page::of(self)?;
        let (after, most) = (page.after, page.size + 1);
        let listed = self
            .store
            .look(move |tx| queues::list(tx, &location, &after, most));
        let mut queues = listed.await?;
        let more = queues.len() > page.size;
        queues.truncate(page.size);
        let next = queues
            .last()
            .filter(|_| more)
            .map(|queue| queue.name.clone());
        Ok(listing(
            "queues",
            queues.iter().map(Queue::json).collect(),
            next,
        ))
    }

    async fn get_queue(&self, name: String) -> Result<Value, Status> {
        let found = self.store.look(move |tx| queues::find(tx, &name)).await?;
        found.map(|queue| queue.json()).ok_or_else(Status::no_queue)
    }

    /// Changes a queue, or makes it.
    async fn patch_queue(&self, name: String, body: &[u8]) -> Result<Value, Status> {
        let fields = Fields::of_body(body)?;
        let mask: Option<Vec<String>> = self
            .said("updateMask")
            .filter(|mask| !mask.is_empty())
            .map(|mask| mask.split(',').map(|path| path.trim().to_owned()).collect());
        let now = self.now;
        let changed = self.store.promise(move |tx| {
            let known = queues::find_to_change(tx, &name)?;
            let is_known = known.is_some();
            let mut queue = known.unwrap_or_else(|| Queue::ordinary(name));
            if let Err(status) = queue.change(fields, mask.as_deref()) {
                return Ok(Err(status));
            }
            if is_known {
                queues::change(tx, &queue)?;
            } else if queues::create(tx, &queue, now)?.is_none() {
                return Ok(Err(Status::precondition(
                    "The queue cannot be created because a queue with this name existed too recently.",
                )));
            }
            Ok(Ok(queue.json()))
        });
        changed.await?
    }

    async fn delete_queue(&self, name: String) -> Result<Value, Status> {
        let now = self.now;
        match self
            .store
            .promise(move |tx| queues::delete(tx, &name, now))
            .await?
        {
            true => Ok(json!({})),
            false => Err(Status::not_found(NOT_FOUND)),
        }
    }

    async fn set_paused(&self, name: String, paused: bool) -> Result<Value, Status> {
        let changed = self.store.promise(move |tx| {
            let Some(mut queue) = queues::find_to_change(tx, &name)? else {
                return Ok(None);
            };
            queue.paused = paused;
            queues::change(tx, &queue)?;
            Ok(Some(queue.json()))
        });
        changed.await?.ok_or_else(Status::no_queue)
    }

    async fn purge(&self, name: String) -> Result<Value, Status> {
        let now = self.now;
        let purged = self
            .store
            .promise(move |tx| queues::purge(tx, &name, now))
            .await?;
        purged
            .map(|queue| queue.json())
            .ok_or_else(Status::no_queue)
    }

    /// A parameter of the query, in either spelling. Those that are not known are no concern of ours: `$alt`, `key`, `prettyPrint`.
    fn said(&self, name: &str) -> Option<&str> {
        let plain = |text: &str| text.replace('_', "").to_ascii_lowercase();
        let wanted = plain(name);
        let mut pairs = self.query.iter();
        pairs
            .find(|(name, _)| plain(name) == wanted)
            .map(|(_, value)| value.as_str())
    }

    /// Whether a task is asked for with its body.
    fn full(&self) -> Result<bool, Status> {
        let view = match self.said("responseView") {
            None | Some("") => return Ok(false),
            Some(view) => match view.parse::<usize>() {
                Ok(number) => VIEWS.get(number).copied(),
                Err(_) => VIEWS.iter().copied().find(|name| *name == view),
            },
        };
        view.map(|view| view == "FULL")
            .ok_or_else(|| Status::invalid("Invalid value at 'response_view'"))
    }
}

/// What a request for a task says: the task, which has not been read yet, and whether it is shown with its body.
pub(super) struct Wanted {
    task: Option<Fields>,
    pub(super) full: bool,
}

impl Wanted {
    pub(super) fn read(mut fields: Fields) -> Result<Self, Status> {
        let task = fields.object("task")?;
        let view = fields.name_of("response_view", VIEWS)?;
        fields.end()?;
        Ok(Wanted {
            task,
            full: view == Some("FULL"),
        })
    }
}

/// The task that was made, as it is shown.
pub(super) fn created(enqueued: Enqueued, full: bool) -> Result<Value, Status> {
    match enqueued {
        Enqueued::Created(task) => Ok(task.json(full)),
        Enqueued::Exists => Err(Status::exists("Requested entity already exists")),
        Enqueued::NoQueue => Err(Status::no_queue()),
    }
}

/// A page of a list.
struct Page {
    size: usize,
    /// The last name of the page before; empty before the first.
    after: String,
}

impl Page {
    fn of(call: &Call<'_>) -> Result<Self, Status> {
        let size = match call.said("pageSize") {
            None | Some("") => 0,
            Some(size) => size
                .parse::<i64>()
                .map_err(|_| Status::invalid("Invalid value at 'page_size'"))?,
        };
        if size < 0 {
            return Err(Status::invalid("The page size cannot be negative."));
        }
        let size = if size == 0 { PAGE } else { size.min(PAGE) };
        let token = call.said("pageToken").unwrap_or_default();
        let after = URL_SAFE_NO_PAD
            .decode(token)
            .ok()
            .and_then(|name| String::from_utf8(name).ok())
            .filter(|name| !name.contains('\0'));
        Ok(Page {
            size: usize::try_from(size).unwrap_or(1),
            after: after
                .ok_or_else(|| Status::invalid("The page token is none that was given."))?,
        })
    }
}

fn listing(name: &str, items: Vec<Value>, next: Option<String>) -> Value {
    let mut json = json!({});
    if !items.is_empty() {
        json[name] = items.into();
    }
    if let Some(next) = next {
        json["nextPageToken"] = URL_SAFE_NO_PAD.encode(next).into();
    }
    json
}

pub(super) fn there<T>(found: Found<T>) -> Result<T, Status> {
    match found {
        Found::There(task) => Ok(task),
        Found::Gone => Err(Status::not_found(GONE)),
        Found::Never => Err(Status::not_found(NOT_FOUND)),
    }
}

/// What a path names, and the verb behind its colon.
fn parse(path: &str) -> Result<(Target, Option<String>), Status> {
    let unknown = || Status::not_found(format!("There is nothing at {path}."));
    let path = percent_decode_str(path)
        .decode_utf8()
        .ok()
        .filter(|path| !path.contains('\0'))
        .ok_or_else(unknown)?;
    let (path, verb) = match path.rsplit_once(':') {
        // A project's name may have colons, but does not come last.
        Some((path, verb)) if !verb.contains('/') => (path, Some(verb.to_owned())),
        _ => (&*path, None),
    };
    let parts: Vec<&str> = path.split('/').collect();
    let ["", "v2", "projects", project, rest @ ..] = &parts[..] else {
        return Err(unknown());
    };
    let ["locations", location, "queues", rest @ ..] = rest else {
        return Err(Status::unimplemented(format!("{path} is not served here.")));
    };
    if project.is_empty() || location.is_empty() {
        return Err(unknown());
    }
    let queues = match (*project, *location) {
        // As elsewhere with Google: whichever it is.
        ("-", "-") if rest.is_empty() => "projects/".to_owned(),
        _ => format!("projects/{project}/locations/{location}/queues/"),
    };
    let queue_of = |id: &str| match is_queue_id(id) {
        true => Ok(format!("{queues}{id}")),
        false => Err(Status::invalid(format!(
            "Queue ID \"{id}\" can contain only letters ([A-Za-z]), numbers ([0-9]), or hyphens (-). Queue ID must be between 1 and 100 characters."
        ))),
    };
    let target = match rest {
        [] => Target::Queues(queues),
        [queue] => Target::Queue(queue_of(queue)?),
        [queue, "tasks"] => Target::Tasks(queue_of(queue)?),
        [queue, "tasks", id] => {
            judge_task_id(id)?;
            Target::Task(queue_of(queue)?, (*id).to_owned())
        }
        _ => return Err(unknown()),
    };
    Ok((target, verb))
}

#[cfg(test)]
#[path = "api_tests.rs"]
mod tests;
