//! `urlfetch tasks`: looks after the tasks of a server that runs, by the API that it serves.

use super::{Refusal, Verdict, output, runtime};
use http::header::AUTHORIZATION;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;
use urlfetch_host::{Sender, SenderOptions, Token};

/// How long the server may take for one answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// The queues of every location.
const QUEUES: &str = "projects/-/locations/-/queues";

/// Look after the tasks of a server that runs: list, run, delete, pause, resume, purge.
///
/// It speaks to the address that `urlfetch serve --tasks-listen ADDR` answers at, and shows the token that the server wrote beside its
/// file of tasks, readable by its owner only: who may not read it may not use the command either.
///
/// A queue is named projects/P/locations/L/queues/Q, or Q when only one is called so. A task is named QUEUE/tasks/ID, or Q/ID.
///
/// Exit code 0 when it is done, 1 when there is no such task or queue, 2 on bad usage and when no server answers.
#[derive(clap::Args)]
pub(crate) struct TasksArgs {
    #[command(subcommand)]
    verb: Verb,
    /// Where the server answers, as it said when it began: `tasks on http://...`.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        default_value = "http://127.0.0.1:8082"
    )]
    server: String,
    /// The file with the server's token.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = ".urlfetch/tasks.token"
    )]
    token_file: PathBuf,
    /// One object for each queue and each task, as the API of Cloud Tasks shows it.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// The queues with their tasks, or one of them.
    List {
        /// Only this one.
        queue: Option<String>,
    },
    /// Deliver a task now, whatever its time and its queue's limits are.
    Run {
        /// The task.
        task: String,
    },
    /// Forget a task. Its name stays taken for a day.
    Delete {
        /// The task.
        task: String,
    },
    /// Deliver nothing of a queue until it is resumed.
    Pause {
        /// The queue.
        queue: String,
    },
    /// Deliver what is due again.
    Resume {
        /// The queue.
        queue: String,
    },
    /// Forget all tasks of a queue.
    Purge {
        /// The queue.
        queue: String,
    },
}

/// Asks the server.
pub(crate) fn run(args: TasksArgs) -> Result<Verdict, Refusal> {
    let token = std::fs::read_to_string(&args.token_file)
        .map_err(|error| error.to_string())
        .and_then(|text| Token::new(text.trim()).ok_or_else(|| "has no token".to_owned()));
    let token = token.map_err(|error| {
        Refusal::new(format!(
            "--token-file '{}': {error}: `urlfetch serve --tasks-listen ADDR` writes one",
            args.token_file.display()
        ))
    })?;
    let sender = Sender::new(SenderOptions::default()).map_err(Refusal::new)?;
    let server = Server {
        sender,
        url: args.server.trim_end_matches('/').to_owned(),
        token,
    };
    let runtime = runtime()?;
    let ended = runtime.block_on(server.obey(&args.verb, args.json));
    runtime.shutdown_background();
    match ended {
        Ok(text) => {
            output::print(text.as_bytes())?;
            Ok(Verdict::Succeeded)
        }
        Err(Ended::Refused(refusal)) => Err(refusal),
        Err(Ended::Failed(line)) => {
            eprintln!("urlfetch: {line}");
            Ok(Verdict::SomeFailed)
        }
    }
}

/// Why there is no result.
enum Ended {
    /// What was said makes no sense, or nobody answers.
    Refused(Refusal),
    /// The server would not.
    Failed(String),
}

/// A server that answers the API.
struct Server {
    sender: Sender,
    url: String,
    token: Token,
}

impl Server {
    /// What is printed.
    async fn obey(&self, verb: &Verb, json: bool) -> Result<String, Ended> {
        let (method, path) = match verb {
            Verb::List { queue } => return self.list(queue.as_deref(), json).await,
            Verb::Run { task } => (Method::POST, format!("{}:run", self.task(task).await?)),
            Verb::Delete { task } => (Method::DELETE, self.task(task).await?),
            Verb::Pause { queue } => (Method::POST, format!("{}:pause", self.queue(queue).await?)),
            Verb::Resume { queue } => {
                (Method::POST, format!("{}:resume", self.queue(queue).await?))
            }
            Verb::Purge { queue } => (Method::POST, format!("{}:purge", self.queue(queue).await?)),
        };
        let answer = self.call(method, &path).await?;
        Ok(match json {
            true => format!("{answer}\n"),
            false => String::new(),
        })
    }

    async fn list(&self, queue: Option<&str>, json: bool) -> Result<String, Ended> {
        let queues = match queue {
            Some(queue) => vec![self.call(Method::GET, &self.queue(queue).await?).await?],
            None => self.pages(QUEUES, "queues").await?,
        };
        let mut text = String::new();
        for queue in queues {
            let name = said(&queue, "name");
            let tasks = self.pages(&format!("{name}/tasks"), "tasks").await?;
            if json {
                for object in std::iter::once(&queue).chain(&tasks) {
                    text.push_str(&format!("{object}\n"));
                }
                continue;
            }
            text.push_str(&format!(
                "{name}  {}  {} tasks\n",
                said(&queue, "state").to_lowercase(),
                tasks.len()
            ));
            for task in &tasks {
                text.push_str(&line(task));
            }
        }
        Ok(text)
    }

    /// All items of a list, page by page.
    async fn pages(&self, path: &str, items: &str) -> Result<Vec<Value>, Ended> {
        let mut all = Vec::new();
        let mut token = String::new();
        loop {
            let mut page = self
                .call(Method::GET, &format!("{path}?pageToken={token}"))
                .await?;
            if let Some(Value::Array(items)) = page.get_mut(items).map(Value::take) {
                all.extend(items);
            }
            match said(&page, "nextPageToken") {
                "" => return Ok(all),
                next => token = next.to_owned(),
            }
        }
    }

    /// A queue's full name.
    async fn queue(&self, said_name: &str) -> Result<String, Ended> {
        if said_name.starts_with("projects/") {
            return Ok(encoded(said_name));
        }
        let queues = self.pages(QUEUES, "queues").await?;
        let ending = format!("/queues/{said_name}");
        let mut names = queues
            .iter()
            .map(|queue| said(queue, "name"))
            .filter(|name| name.ends_with(&ending));
        match (names.next(), names.next()) {
            (Some(name), None) => Ok(encoded(name)),
            (None, _) => Err(Ended::Failed(format!("there is no queue '{said_name}'"))),
            (Some(one), Some(other)) => Err(Ended::Refused(Refusal::new(format!(
                "QUEUE '{said_name}': is one of {one} and {other}: give the whole name"
            )))),
        }
    }

    /// A task's full name.
    async fn task(&self, said_name: &str) -> Result<String, Ended> {
        if said_name.starts_with("projects/") {
            return Ok(encoded(said_name));
        }
        let Some((queue, id)) = said_name.split_once('/') else {
            return Err(Ended::Refused(Refusal::new(format!(
                "TASK '{said_name}': is not of the form QUEUE/ID"
            ))));
        };
        Ok(format!(
            "{}/tasks/{}",
            self.queue(queue).await?,
            encoded(id)
        ))
    }

    async fn call(&self, method: Method, path: &str) -> Result<Value, Ended> {
        let named = |reason: &dyn std::fmt::Display| {
            Ended::Refused(Refusal::new(format!(
                "--server '{}': {reason}: is `urlfetch serve --tasks-listen` running there?",
                self.url
            )))
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/v2/{path}", self.url))
            .header(AUTHORIZATION, format!("Bearer {}", self.token.secret()))
            .body(
                Full::default()
                    .map_err(|never| match never {})
                    .boxed_unsync(),
            )
            .map_err(|error| named(&error))?;
        let exchange = async {
            let response = self
                .sender
                .send(request, None)
                .await
                .map_err(|fault| fault.to_string())?;
            let (head, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| error.to_string())?;
            Ok::<_, String>((head.status, body.to_bytes()))
        };
        let answered = tokio::time::timeout(PATIENCE, exchange).await;
        let (status, body) = answered
            .unwrap_or_else(|_| Err("does not answer".into()))
            .map_err(|reason| named(&reason))?;
        let answer: Value =
            serde_json::from_slice(&body).map_err(|_| named(&"answers something else"))?;
        if status == StatusCode::OK {
            return Ok(answer);
        }
        let message = answer["error"]["message"].as_str().unwrap_or("refused");
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Ended::Refused(Refusal::new(
                format!("--token-file: {message}"),
            ))),
            _ => Err(Ended::Failed(format!("{path}: {message}"))),
        }
    }
}

fn said<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// A name as it stands in a path.
fn encoded(name: &str) -> String {
    const KEPT: percent_encoding::AsciiSet = NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b':');
    utf8_percent_encode(name, &KEPT).to_string()
}

/// A task for people.
fn line(task: &Value) -> String {
    let name = said(task, "name");
    let request = &task["httpRequest"];
    let id = name.rsplit('/').next().unwrap_or_default();
    let last = task["lastAttempt"]["responseStatus"]["message"].as_str();
    let attempts = task["dispatchCount"].as_i64().unwrap_or(0);
    let mut line = format!(
        "  {id}  due {}  {attempts} attempts  {} {}",
        said(task, "scheduleTime"),
        said(request, "httpMethod"),
        said(request, "url")
    );
    if let Some(last) = last {
        line.push_str(&format!("  last: {last}"));
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_a_line_with_what_became_of_it() {
        let task = serde_json::json!({
            "name": "projects/p/locations/l/queues/q/tasks/t", "scheduleTime": "2026-11-20T12:00:00Z", "dispatchCount": 2,
            "httpRequest": {"url": "http://a.test/", "httpMethod": "POST"},
            "lastAttempt": {"responseStatus": {"message": "UNAVAILABLE(14): HTTP status code 503"}},
        });
        assert_eq!(
            line(&task),
            "  t  due 2026-11-20T12:00:00Z  2 attempts  POST http://a.test/  last: UNAVAILABLE(14): HTTP status code 503\n"
        );
    }

    #[test]
    fn a_name_that_is_none_cannot_become_another_path() {
        assert_eq!(encoded("projects/p-1/a?b#c"), "projects/p-1/a%3Fb%23c");
    }
}
