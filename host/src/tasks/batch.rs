//! Many tasks by one call: batchCreate and batchDelete. Each is one turn of the store, and is over when it is answered: the operation
//! that the service would have gone on with is `done` from the beginning, and nobody asks after it again.

use super::api::{Call, Wanted, created, there};
use super::fields::Fields;
use super::moment::Moment;
use super::status::Status;
use super::table;
use super::task::judge_task_id;
use serde_json::{Map, Value, json};

/// The most tasks that one call makes, and the most that one deletes.
const MOST_CREATED: usize = 100;
const MOST_DELETED: usize = 1_000;
const TYPES: &str = "type.googleapis.com/google.cloud.tasks.v2";

impl Call<'_> {
    /// Makes tasks. Those that cannot be made are told one by one, unless the whole is no request.
    pub(super) async fn batch_create(
        &self,
        queue: String,
        body: &[u8],
        id: String,
    ) -> Result<Value, Status> {
        let mut fields = Fields::of_body(body)?;
        let requests = read(&mut fields, &queue, |fields| fields.objects("requests"))?;
        judge_count(
            "BatchCreateTasksRequest.requests",
            requests.len(),
            MOST_CREATED,
        )?;
        fields.end()?;
        let mut wanted = Vec::with_capacity(requests.len());
        for mut request in requests {
            if request
                .text("parent")?
                .is_some_and(|parent| parent != queue)
            {
                return Err(Status::invalid(
                    "BatchCreateTasksRequest.parent must be the parent of each of its requests.",
                ));
            }
            wanted.push(Wanted::read(request)?);
        }
        self.known(&queue).await?;

        let mut operation = Operation::begin(&queue, &id, self.now);
        let (mut views, mut news) = (Vec::new(), Vec::new());
        for (index, wanted) in wanted.into_iter().enumerate() {
            let (id, full) = (format!("{id}-{index}"), wanted.full);
            match self.new_task(wanted, &queue, &id).await {
                Ok(new) => {
                    views.push((index, full));
                    news.push((id, new));
                }
                Err(status) if status.is_malformed => return Err(status),
                Err(status) => operation.fail(index, &status),
            }
        }
        let now = self.now;
        let enqueued = self.store.promise(move |tx| {
            let news = news.into_iter();
            news.map(|(id, new)| table::enqueue(tx, &queue, id, new, now))
                .collect::<Result<Vec<_>, _>>()
        });
        let mut tasks = Vec::new();
        for ((index, full), enqueued) in views.into_iter().zip(enqueued.await?) {
            match created(enqueued, full) {
                Ok(task) => tasks.push(task),
                Err(status) => operation.fail(index, &status),
            }
        }
        let succeeded = tasks.len();
        let response =
            json!({"@type": format!("{TYPES}.BatchCreateTasksResponse"), "tasks": tasks});
        Ok(operation.end("BatchCreateTasksMetadata", succeeded, response))
    }

    /// Deletes tasks. Those that cannot be deleted are told one by one.
    pub(super) async fn batch_delete(
        &self,
        queue: String,
        body: &[u8],
        id: String,
    ) -> Result<Value, Status> {
        let mut fields = Fields::of_body(body)?;
        let names = read(&mut fields, &queue, |fields| fields.list_of_texts("names"))?;
        judge_count("BatchDeleteTasksRequest.names", names.len(), MOST_DELETED)?;
        fields.end()?;
        self.known(&queue).await?;

        let mut operation = Operation::begin(&queue, &id, self.now);
        let (mut places, mut ids) = (Vec::new(), Vec::new());
        for (index, name) in names.iter().enumerate() {
            match id_of(name, &queue) {
                Ok(id) => {
                    places.push(index);
                    ids.push(id);
                }
                Err(status) => operation.fail(index, &status),
            }
        }
        let now = self.now;
        let deleted = self.store.promise(move |tx| {
            let ids = ids.iter();
            ids.map(|id| table::delete(tx, &queue, id, now))
                .collect::<Result<Vec<_>, _>>()
        });
        let mut succeeded = 0;
        for (index, found) in places.into_iter().zip(deleted.await?) {
            match there(found) {
                Ok(()) => succeeded += 1,
                Err(status) => operation.fail(index, &status),
            }
        }
        let response = json!({"@type": "type.googleapis.com/google.protobuf.Empty"});
        Ok(operation.end("BatchDeleteTasksMetadata", succeeded, response))
    }
}

/// What both kinds of batch say: their items, and a parent that may be said once more.
fn read<T>(
    fields: &mut Fields,
    queue: &str,
    items: impl FnOnce(&mut Fields) -> Result<Vec<T>, Status>,
) -> Result<Vec<T>, Status> {
    let items = items(fields)?;
    // It would tell a call from its repetition; one that is repeated here finds its tasks made or deleted.
    fields.text("request_id")?;
    match fields.text("parent")? {
        Some(parent) if parent != queue => Err(Status::invalid(
            "The parent in the body must be the queue of the request.",
        )),
        _ => Ok(items),
    }
}

fn judge_count(name: &str, count: usize, most: usize) -> Result<(), Status> {
    match count {
        0 => Err(Status::invalid(format!("{name} is required."))),
        _ if count > most => Err(Status::invalid(format!(
            "{name} must have at most {most} items."
        ))),
        _ => Ok(()),
    }
}

/// The id in the full name of a task of this queue.
fn id_of(name: &str, queue: &str) -> Result<String, Status> {
    let id = name.strip_prefix(queue);
    let id = id.and_then(|rest| rest.strip_prefix("/tasks/"));
    let id = id.ok_or_else(|| {
        Status::invalid(format!("'{name}' is not the name of a task of '{queue}'."))
    })?;
    judge_task_id(id)?;
    Ok(id.to_owned())
}

/// What the service calls a long-running operation.
struct Operation {
    name: String,
    began: Moment,
    failed: Map<String, Value>,
}

impl Operation {
    fn begin(queue: &str, id: &str, now: Moment) -> Self {
        let location = queue.split("/queues/").next().unwrap_or_default();
        Operation {
            name: format!("{location}/operations/{id}"),
            began: now,
            failed: Map::new(),
        }
    }

    fn fail(&mut self, index: usize, status: &Status) {
        self.failed.insert(index.to_string(), status.rpc());
    }

    fn end(self, metadata: &str, succeeded: usize, response: Value) -> Value {
        let state = match self.failed.is_empty() {
            true => "SUCCEEDED",
            false => "PARTIALLY_SUCCEEDED",
        };
        let mut told = json!({
            "@type": format!("{TYPES}.{metadata}"),
            "startTime": self.began.text(),
            "endTime": self.began.text(),
            "state": state,
        });
        if !self.failed.is_empty() {
            told["failedRequests"] = self.failed.into();
        }
        let mut operation = json!({"name": self.name, "metadata": told, "done": true});
        if succeeded > 0 {
            operation["response"] = response;
        } else {
            let message = format!(
                "None of the requests succeeded, refer to {metadata}.failed_requests for individual error details"
            );
            operation["error"] = Status::aborted(message).rpc();
        }
        operation
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
