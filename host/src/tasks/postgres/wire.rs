//! A connection to PostgreSQL, by `tokio-postgres` on a runtime of its own: to the thread that has it, it blocks. Every wait has an end,
//! statements are parsed once, and rows come as plain values.

use super::address::Address;
use crate::tasks::sql::{Result, Row, SqlError, Value};
use bytes::BytesMut;
use futures_util::TryStreamExt;
use std::collections::HashMap;
use std::error::Error;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Config, SimpleQueryMessage, Statement};

/// How long an answer may take: longer than the server itself permits a statement to.
const LONGEST: Duration = Duration::from_secs(40);
/// How many statements the server keeps for a connection.
const STATEMENTS: usize = 64;

/// A connection.
pub(super) struct Wire {
    client: Client,
    /// Who reads and writes.
    driver: AbortHandle,
    /// Something was announced on a channel that is listened to, or the connection has ended.
    news: Arc<Notify>,
    /// What the server has parsed, by the text and the types of the parameters.
    statements: HashMap<(String, Vec<Type>), Statement>,
    runtime: Runtime,
}

impl Wire {
    /// Connects to the first host that takes us and takes writes. Not in a runtime: it is one.
    pub(super) fn connect(address: &Address) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(SqlError::passing)?;
        let mut last = SqlError::passing("there is no host");
        for host in &address.hosts {
            match runtime.block_on(log_in(address, host)) {
                Ok((client, driver, news)) => {
                    return Ok(Wire {
                        client,
                        driver,
                        news,
                        statements: HashMap::new(),
                        runtime,
                    });
                }
                Err(reason) => last = SqlError::passing(format!("{}: {reason}", name_of(host))),
            }
        }
        Err(last)
    }

    /// Does statements as they are, separated by semicolons, and gives the first column of the last row.
    pub(super) fn ask(&self, sql: &str) -> Result<Option<String>> {
        let said = self.within(self.client.simple_query(sql))?;
        Ok(said.iter().rev().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        }))
    }

    /// Does one statement, whose parameters are `$1`, `$2` and so on. Returns how many rows it changed or gave, and these. One that is
    /// `kept` is parsed once, and from then on one way there and back.
    pub(super) fn run(
        &mut self,
        sql: &str,
        params: &[Value],
        kept: bool,
    ) -> Result<(usize, Vec<Row>)> {
        let key = (sql.to_owned(), params.iter().map(type_of).collect());
        if kept && !self.statements.contains_key(&key) {
            if self.statements.len() >= STATEMENTS {
                self.statements.clear();
            }
            let statement = self.within(self.client.prepare_typed(sql, &key.1))?;
            self.statements.insert(key.clone(), statement);
        }
        self.within(async {
            let rows = match self.statements.get(&key) {
                Some(statement) => self.client.query_raw(statement, params).await?,
                None => {
                    let params = params.iter().zip(key.1);
                    self.client.query_typed_raw(sql, params).await?
                }
            };
            let (mut rows, mut read) = (pin!(rows), Vec::new());
            while let Some(row) = rows.try_next().await? {
                let columns = (0..row.len()).map(|index| row.try_get(index));
                read.push(Row(columns.collect::<std::result::Result<_, _>>()?));
            }
            let count = rows.rows_affected().unwrap_or(0);
            Ok((usize::try_from(count).unwrap_or(usize::MAX), read))
        })
    }

    /// Waits as long for an announcement on a channel that is listened to; whether there was one.
    pub(super) fn listen(&self, patience: Duration) -> Result<bool> {
        let ended = || match self.client.is_closed() {
            true => Err(SqlError::passing("the database has closed the connection")),
            false => Ok(()),
        };
        ended()?;
        let heard = async { timeout(patience, self.news.notified()).await.is_ok() };
        let heard = self.runtime.block_on(heard);
        ended().map(|()| heard)
    }

    /// An answer that does not come is the end of the connection: it might come later.
    fn within<T>(
        &self,
        work: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
    ) -> Result<T> {
        let done = self
            .runtime
            .block_on(async { timeout(LONGEST, work).await });
        match done {
            Ok(done) => done.map_err(|error| SqlError::passing(reason(&error))),
            Err(_) => {
                self.driver.abort();
                Err(SqlError::passing("the database does not answer"))
            }
        }
    }
}

async fn log_in(
    address: &Address,
    host: &Config,
) -> std::result::Result<(Client, AbortHandle, Arc<Notify>), String> {
    let patience = host.get_connect_timeout().copied().unwrap_or(LONGEST);
    let connected = timeout(patience, host.connect(address.way.clone())).await;
    let connected = connected.map_err(|_| "the database does not answer".to_owned())?;
    let (client, mut connection) = connected.map_err(|error| reason(&error))?;
    let news = Arc::new(Notify::new());
    let told = news.clone();
    let driver = tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if matches!(message, AsyncMessage::Notification(_)) {
                told.notify_one();
            }
        }
        told.notify_one();
    });
    Ok((client, driver.abort_handle(), news))
}

/// What a host is called in an error.
fn name_of(host: &Config) -> String {
    use tokio_postgres::config::Host;
    match host.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        #[cfg(unix)]
        Some(Host::Unix(folder)) => folder.display().to_string(),
        None => "the host".into(),
    }
}

/// What an error says in one line: the server's words, or ours and what is below them.
pub(super) fn reason(error: &tokio_postgres::Error) -> String {
    let said = match error.as_db_error() {
        Some(error) => error.message().to_owned(),
        None => {
            let below = std::iter::successors(error.source(), |error| (*error).source());
            below.fold(error.to_string(), |said, error| format!("{said}: {error}"))
        }
    };
    said.replace('\n', " ")
}

/// The type that a parameter is sent as: that of nothing the server finds itself.
fn type_of(value: &Value) -> Type {
    match value {
        Value::Null => Type::UNKNOWN,
        Value::Integer(_) => Type::INT8,
        Value::Real(_) => Type::FLOAT8,
        Value::Text(_) => Type::TEXT,
        Value::Blob(_) => Type::BYTEA,
    }
}

type Converted<T> = std::result::Result<T, Box<dyn Error + Sync + Send>>;

impl ToSql for Value {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Converted<IsNull> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Integer(value) => value.to_sql_checked(kind, out),
            Value::Real(value) => value.to_sql_checked(kind, out),
            Value::Text(value) => value.to_sql_checked(kind, out),
            Value::Blob(value) => (&**value).to_sql_checked(kind, out),
        }
    }

    /// Those within know.
    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(&self, kind: &Type, out: &mut BytesMut) -> Converted<IsNull> {
        self.to_sql(kind, out)
    }
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Converted<Self> {
        Ok(match *kind {
            Type::BOOL => bool::from_sql(kind, raw)?.into(),
            Type::INT4 => i64::from(i32::from_sql(kind, raw)?).into(),
            Type::INT8 => i64::from_sql(kind, raw)?.into(),
            Type::FLOAT8 => f64::from_sql(kind, raw)?.into(),
            Type::BYTEA => Value::Blob(raw.to_vec().into()),
            _ => Value::Text(String::from_sql(kind, raw)?),
        })
    }

    fn from_sql_null(_: &Type) -> Converted<Self> {
        Ok(Value::Null)
    }

    fn accepts(kind: &Type) -> bool {
        let ours = [
            Type::BOOL,
            Type::INT4,
            Type::INT8,
            Type::FLOAT8,
            Type::BYTEA,
            Type::TEXT,
        ];
        ours.contains(kind)
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
