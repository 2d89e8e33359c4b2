//! What the verbs need of a database, whichever it is: statements with numbered parameters, rows of plain values, and the time.

use super::moment::Moment;
use bytes::Bytes;

pub(crate) type Result<T> = std::result::Result<T, SqlError>;

/// Why a statement was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct SqlError {
    pub(crate) reason: String,
    pub(crate) trouble: Trouble,
}

/// What may be expected after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It may go better another time: a disk was full, a connection was lost.
    Passing,
    /// What is on file is not known any more.
    Lasting,
}

impl SqlError {
    pub(crate) fn lasting(reason: impl ToString) -> Self {
        SqlError {
            reason: reason.to_string(),
            trouble: Trouble::Lasting,
        }
    }

    pub(crate) fn passing(reason: impl ToString) -> Self {
        SqlError {
            reason: reason.to_string(),
            trouble: Trouble::Passing,
        }
    }
}

/// What a parameter or a column is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Bytes),
}

macro_rules! into_value {
    ($($type:ty, $value:ident => $made:expr;)*) => {
        $(impl From<$type> for Value {
            fn from($value: $type) -> Self {
                $made
            }
        })*
    };
}
into_value! {
    i64, value => Value::Integer(value);
    u16, value => Value::Integer(value.into());
    bool, value => Value::Integer(value.into());
    Moment, value => Value::Integer(value.0);
    f64, value => Value::Real(value);
    &str, value => Value::Text(value.to_owned());
    String, value => Value::Text(value);
    &String, value => Value::Text(value.clone());
    Bytes, value => Value::Blob(value);
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// The parameters of a statement: `?1`, `?2` and so on.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        [$($crate::tasks::sql::Value::from($value)),*]
    };
}
pub(crate) use values;

/// What a column is read as.
pub(crate) trait FromValue: Sized {
    fn from_value(value: &Value) -> Option<Self>;
}

impl FromValue for i64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Integer(value) => Some(*value),
            _ => None,
        }
    }
}

impl FromValue for u16 {
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value)?.try_into().ok()
    }
}

impl FromValue for bool {
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value).map(|value| value != 0)
    }
}

impl FromValue for Moment {
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value).map(Moment)
    }
}

impl FromValue for f64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Real(value) => Some(*value),
            _ => None,
        }
    }
}

impl FromValue for String {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(value) => Some(value.clone()),
            _ => None,
        }
    }
}

impl FromValue for Bytes {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Blob(value) => Some(value.clone()),
            _ => None,
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

/// A row of what was selected.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row(pub(crate) Vec<Value>);

impl Row {
    /// A column by its place.
    pub(crate) fn get<T: FromValue>(&self, index: usize) -> Result<T> {
        let value = self.0.get(index).and_then(T::from_value);
        value.ok_or_else(|| SqlError::lasting(format!("column {index} is not what it should be")))
    }
}

/// A database inside a transaction.
pub(crate) trait Engine {
    /// Does a statement, and returns how many rows it changed or what it selected. One that is `kept` will come again as it is.
    fn run(&self, sql: &str, params: &[Value], kept: bool) -> Result<(usize, Vec<Row>)>;

    /// Who works here, where there are others: what a delivery is marked with, and others may take over when that one is gone.
    fn host(&self) -> Option<i64>;
}

/// A transaction, and when it is.
pub(crate) struct Tx<'a> {
    engine: &'a dyn Engine,
    now: Moment,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(engine: &'a dyn Engine, now: Moment) -> Self {
        Tx { engine, now }
    }

    /// What the clock of those who share the tasks said when it began.
    pub(crate) fn now(&self) -> Moment {
        self.now
    }

    /// See [`Engine::host`].
    pub(crate) fn host(&self) -> Option<i64> {
        self.engine.host()
    }

    /// How many rows a statement changed.
    pub(crate) fn execute(&self, sql: &str, params: &[Value]) -> Result<usize> {
        self.engine.run(sql, params, true).map(|done| done.0)
    }

    /// The rows that it gives.
    pub(crate) fn rows(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        self.engine.run(sql, params, true).map(|done| done.1)
    }

    /// The first of them.
    pub(crate) fn row(&self, sql: &str, params: &[Value]) -> Result<Option<Row>> {
        Ok(self.rows(sql, params)?.into_iter().next())
    }

    /// The rows of a statement that is never the same: one that names these keys where it says `KEYS`.
    pub(crate) fn of_keys(&self, keys: &[i64], sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<_> = keys.iter().map(i64::to_string).collect();
        let sql = sql.replace("KEYS", &keys.join(","));
        self.engine.run(&sql, params, false).map(|done| done.1)
    }

    /// The rows of a statement that comes once.
    pub(crate) fn once(&self, sql: &str) -> Result<Vec<Row>> {
        self.engine.run(sql, &[], false).map(|done| done.1)
    }

    /// What follows a SELECT whose rows of this table are changed next: others wait. Where nobody else writes it is nothing, as are
    /// the two below.
    pub(crate) fn locked(&self, table: &str) -> String {
        match self.host() {
            Some(_) => format!(" FOR UPDATE OF {table}"),
            None => String::new(),
        }
    }

    /// What follows a SELECT that takes what nobody else has at hand.
    pub(crate) fn untaken(&self) -> &'static str {
        match self.host() {
            Some(_) => " FOR NO KEY UPDATE SKIP LOCKED",
            None => "",
        }
    }

    /// What follows a SELECT of a row that may be changed meanwhile, but not go away.
    pub(crate) fn held(&self) -> &'static str {
        match self.host() {
            Some(_) => " FOR KEY SHARE",
            None => "",
        }
    }
}
