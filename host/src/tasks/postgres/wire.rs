//! A connection to PostgreSQL: of its protocol (version 3) what our statements need. A statement is one way there and back: it is
//! parsed once, its parameters go along, and rows come in the binary formats of the few types that our tables have.
//!
//! The clients that there are bring hashes that share crates with wasmtime, and want features of them that wasmtime does not.

use super::address::{Address, Socket};
use super::scram::{Expected, MECHANISM, Scram};
use crate::tasks::sql::{Row, Value};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

/// How long a connection may take to be made.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an answer may take: longer than the server itself permits a statement to.
const LONGEST: Duration = Duration::from_secs(40);
/// What a message may have: more is none of ours.
const MOST: usize = 64 << 20;
/// How many statements the server keeps for a connection.
const STATEMENTS: usize = 64;

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum WireError {
    /// The server has said why; the connection can be used.
    #[error("{0}")]
    Said(String),
    /// The connection is lost, and it is not known what was done.
    #[error("{0}")]
    Lost(String),
}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> Self {
        WireError::Lost(match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => "the database does not answer".into(),
            ErrorKind::UnexpectedEof => "the database has closed the connection".into(),
            _ => error.to_string(),
        })
    }
}

fn nonsense() -> WireError {
    WireError::Lost("the database does not speak PostgreSQL's protocol".into())
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A connection.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    /// The socket below, for its timeouts.
    socket: Socket,
    read: BytesMut,
    /// The names of statements that the server has, by their text and the types of their parameters.
    statements: HashMap<(String, Vec<u32>), String>,
    /// How many names were given.
    named: u64,
    /// Whether something was announced on a channel that is listened to.
    notified: bool,
}

impl Wire {
    /// Connects to the first host that takes us and is no copy of another. `nonce` is one that nobody can guess.
    pub(super) fn connect(address: &Address, nonce: &str) -> Result<Self, WireError> {
        let mut last = WireError::Lost("there is no host".into());
        for (host, port) in &address.hosts {
            let connected = Wire::to(address, host, *port, nonce).and_then(|mut wire| {
                match wire.ask("SELECT pg_is_in_recovery()")?.as_deref() {
                    Some("f") => Ok(wire),
                    _ => Err(WireError::Said("takes no writes".into())),
                }
            });
            match connected {
                Ok(wire) => return Ok(wire),
                Err(error) => last = WireError::Lost(format!("{host}: {error}")),
            }
        }
        Err(last)
    }

    fn to(address: &Address, host: &str, port: u16, nonce: &str) -> Result<Self, WireError> {
        let mut socket = Socket::connect(host, port, PATIENCE)?;
        socket.set_patience(PATIENCE)?;
        let below = socket.try_clone()?;
        let stream: Box<dyn Stream> = match &address.tls {
            Some(tls) => {
                let mut ask = BytesMut::new();
                ask.put_u32(8);
                ask.put_u32(80_877_103);
                socket.write_all(&ask)?;
                // One byte and not one more: what follows belongs to TLS.
                let mut answer = [0];
                socket.read_exact(&mut answer)?;
                if answer != *b"S" {
                    return Err(WireError::Said("has no TLS".into()));
                }
                let name = ServerName::try_from(host.to_owned()).map_err(|_| {
                    WireError::Said("is no name that a certificate can have".into())
                })?;
                let connection = ClientConnection::new(tls.clone(), name)
                    .map_err(|error| WireError::Said(error.to_string()))?;
                Box::new(StreamOwned::new(connection, socket))
            }
            None => Box::new(socket),
        };
        let mut wire = Wire {
            stream,
            socket: below,
            read: BytesMut::new(),
            statements: HashMap::new(),
            named: 0,
            notified: false,
        };
        wire.log_in(address, nonce)?;
        wire.socket.set_patience(LONGEST)?;
        Ok(wire)
    }

    fn log_in(&mut self, address: &Address, nonce: &str) -> Result<(), WireError> {
        let mut hello = BytesMut::new();
        hello.put_u32(196_608);
        for (name, value) in [
            ("user", &*address.user),
            ("database", &*address.database),
            ("application_name", "urlfetch"),
            ("client_encoding", "UTF8"),
        ] {
            put_text(&mut hello, name);
            put_text(&mut hello, value);
        }
        hello.put_u8(0);
        let mut out = BytesMut::new();
        out.put_u32(u32::try_from(hello.len()).unwrap_or(u32::MAX) + 4);
        out.put(hello);
        self.stream.write_all(&out)?;
        self.stream.flush()?;

        let mut exchange = None;
        let mut expected: Option<Expected> = None;
        loop {
            let (kind, mut body) = self.message()?;
            match kind {
                b'R' => match (int(&mut body)?, address.password.as_deref()) {
                    // Who was asked to prove that he knows the password may ask for as much.
                    (0, _) if exchange.is_none() && expected.is_none() => {}
                    (3 | 5 | 10, None) => return Err(WireError::Said("wants a password".into())),
                    (3, Some(password)) if address.tls.is_some() => {
                        self.say(b'p', |out| put_text(out, password))?;
                    }
                    (10, Some(_)) => {
                        let offered = body.split(|byte| *byte == 0);
                        if !offered.into_iter().any(|name| name == MECHANISM.as_bytes()) {
                            return Err(WireError::Said(format!("does not know {MECHANISM}")));
                        }
                        let scram = Scram::new(nonce.to_owned());
                        let first = scram.first();
                        exchange = Some(scram);
                        self.say(b'p', |out| {
                            put_text(out, MECHANISM);
                            put_bytes(out, first.as_bytes());
                        })?;
                    }
                    (11, Some(password)) => {
                        let scram = exchange.take().ok_or_else(nonsense)?;
                        let said = std::str::from_utf8(&body).map_err(|_| nonsense())?;
                        let (last, must) = scram.last(password, said).map_err(WireError::Said)?;
                        expected = Some(must);
                        self.say(b'p', |out| out.put(last.as_bytes()))?;
                    }
                    (12, _) => {
                        let said = std::str::from_utf8(&body).map_err(|_| nonsense())?;
                        if !expected.take().ok_or_else(nonsense)?.is(said) {
                            return Err(WireError::Said("does not know the password".into()));
                        }
                    }
                    (0, _) => {
                        return Err(WireError::Said(
                            "does not show that it knows the password".into(),
                        ));
                    }
                    _ => {
                        return Err(WireError::Said(
                            "wants to know who we are in another way than by SCRAM-SHA-256".into(),
                        ));
                    }
                },
                b'E' => return Err(WireError::Said(error_of(&body))),
                b'Z' => return Ok(()),
                _ => {}
            }
        }
    }

    /// Does statements as they are, separated by semicolons, and gives the first column of the last row.
    pub(super) fn ask(&mut self, sql: &str) -> Result<Option<String>, WireError> {
        self.say(b'Q', |out| put_text(out, sql))?;
        let (mut first, mut failed) = (None, None);
        loop {
            let (kind, mut body) = self.message()?;
            match kind {
                b'D' if short(&mut body)? > 0 => {
                    let column = column(&mut body)?;
                    first = column.map(|text| String::from_utf8_lossy(&text).into_owned());
                }
                b'E' => failed = Some(WireError::Said(error_of(&body))),
                b'Z' => return failed.map_or(Ok(first), Err),
                _ => {}
            }
        }
    }

    /// Does one statement, whose parameters are `$1`, `$2` and so on. Returns how many rows it changed or gave, and these. One that is
    /// `kept` is parsed once.
    pub(super) fn run(
        &mut self,
        sql: &str,
        params: &[Value],
        kept: bool,
    ) -> Result<(usize, Vec<Row>), WireError> {
        let types: Vec<u32> = params.iter().map(type_of).collect();
        let key = (sql.to_owned(), types);
        let known = self.statements.get(&key).cloned();
        let name = match (&known, kept) {
            (Some(name), _) => name.clone(),
            (None, true) => {
                self.named += 1;
                format!("s{}", self.named)
            }
            (None, false) => String::new(),
        };
        let mut out = BytesMut::new();
        if known.is_none() {
            if kept && self.statements.len() >= STATEMENTS {
                for (_, old) in self.statements.drain() {
                    put_message(&mut out, b'C', |out| {
                        out.put_u8(b'S');
                        put_text(out, &old);
                    });
                }
            }
            put_message(&mut out, b'P', |out| {
                put_text(out, &name);
                put_text(out, sql);
                put_short(out, key.1.len());
                key.1.iter().for_each(|kind| out.put_u32(*kind));
            });
        }
        put_message(&mut out, b'B', |out| {
            put_text(out, "");
            put_text(out, &name);
            put_short(out, params.len());
            for param in params {
                out.put_u16(u16::from(matches!(param, Value::Blob(_))));
            }
            put_short(out, params.len());
            params.iter().for_each(|param| put_value(out, param));
            // All columns are binary.
            out.put_u16(1);
            out.put_u16(1);
        });
        put_message(&mut out, b'D', |out| {
            out.put_u8(b'P');
            put_text(out, "");
        });
        put_message(&mut out, b'E', |out| {
            put_text(out, "");
            out.put_u32(0);
        });
        put_message(&mut out, b'S', |_| {});
        self.stream.write_all(&out)?;
        self.stream.flush()?;

        let (mut types, mut rows, mut count, mut failed) = (Vec::new(), Vec::new(), 0, None);
        loop {
            let (kind, body) = self.message()?;
            match kind {
                b'1' if kept => {
                    self.statements.insert(key.clone(), name.clone());
                }
                b'T' => types = types_of(body)?,
                b'D' => rows.push(row_of(body, &types)?),
                b'C' => count = count_of(&body),
                b'E' => failed = Some(WireError::Said(error_of(&body))),
                b'Z' => return failed.map_or(Ok((count, rows)), Err),
                _ => {}
            }
        }
    }

    /// Waits as long for an announcement on a channel that is listened to; whether there was one.
    pub(super) fn listen(&mut self, patience: Duration) -> Result<bool, WireError> {
        self.socket.set_patience(patience)?;
        let heard = match self.notified {
            true => Ok(()),
            false => self.fill(),
        };
        self.socket.set_patience(LONGEST)?;
        match heard {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            heard => heard?,
        }
        // Whatever has come without being asked for.
        while self.is_whole()? {
            self.message()?;
        }
        Ok(std::mem::take(&mut self.notified))
    }

    fn say(&mut self, kind: u8, body: impl FnOnce(&mut BytesMut)) -> Result<(), WireError> {
        let mut out = BytesMut::new();
        put_message(&mut out, kind, body);
        self.stream.write_all(&out)?;
        Ok(self.stream.flush()?)
    }

    /// The next message: its kind and its body. Notices and parameters come at any time; nobody asks for them.
    fn message(&mut self) -> Result<(u8, Bytes), WireError> {
        while !self.is_whole()? {
            self.fill()?;
        }
        let kind = self.read.get_u8();
        let length = self.read.get_u32() as usize - 4;
        self.notified |= kind == b'A';
        Ok((kind, self.read.split_to(length).freeze()))
    }

    /// Whether a message has come as a whole.
    fn is_whole(&self) -> Result<bool, WireError> {
        let Some(mut length) = self.read.get(1..5) else {
            return Ok(false);
        };
        match length.get_u32() as usize {
            length @ 4..=MOST => Ok(self.read.len() > length),
            _ => Err(nonsense()),
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut some = [0; 16 << 10];
        match self.stream.read(&mut some)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            count => {
                self.read.put(&some[..count]);
                Ok(())
            }
        }
    }
}

fn put_message(out: &mut BytesMut, kind: u8, body: impl FnOnce(&mut BytesMut)) {
    out.put_u8(kind);
    let start = out.len();
    out.put_u32(0);
    body(out);
    let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// A text that ends with a zero byte, and so has none.
fn put_text(out: &mut BytesMut, text: &str) {
    out.put(text.split('\0').next().unwrap_or_default().as_bytes());
    out.put_u8(0);
}

fn put_bytes(out: &mut BytesMut, bytes: &[u8]) {
    out.put_u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.put(bytes);
}

fn put_short(out: &mut BytesMut, number: usize) {
    out.put_u16(u16::try_from(number).unwrap_or(u16::MAX));
}

/// The number that PostgreSQL has for a parameter's type: it finds that of nothing itself.
fn type_of(value: &Value) -> u32 {
    match value {
        Value::Null => 0,
        Value::Integer(_) => 20,
        Value::Real(_) => 701,
        Value::Text(_) => 25,
        Value::Blob(_) => 17,
    }
}

fn put_value(out: &mut BytesMut, value: &Value) {
    match value {
        Value::Null => out.put_i32(-1),
        Value::Integer(value) => put_bytes(out, value.to_string().as_bytes()),
        Value::Real(value) => put_bytes(out, value.to_string().as_bytes()),
        Value::Text(value) => put_bytes(out, value.as_bytes()),
        Value::Blob(value) => put_bytes(out, value),
    }
}

fn int(body: &mut Bytes) -> Result<i32, WireError> {
    body.try_get_i32().map_err(|_| nonsense())
}

fn short(body: &mut Bytes) -> Result<u16, WireError> {
    body.try_get_u16().map_err(|_| nonsense())
}

/// A column of a row; none when it is null.
fn column(body: &mut Bytes) -> Result<Option<Bytes>, WireError> {
    match usize::try_from(int(body)?) {
        Err(_) => Ok(None),
        Ok(length) if length <= body.len() => Ok(Some(body.split_to(length))),
        Ok(_) => Err(nonsense()),
    }
}

/// The types of columns.
fn types_of(mut body: Bytes) -> Result<Vec<u32>, WireError> {
    let count = short(&mut body)?;
    let one = |_| {
        let name = body
            .iter()
            .position(|byte| *byte == 0)
            .ok_or_else(nonsense)?;
        // Behind the name are the table and the column, then the type, and three more.
        if body.len() < name + 19 {
            return Err(nonsense());
        }
        body.advance(name + 7);
        let kind = body.get_u32();
        body.advance(8);
        Ok(kind)
    };
    (0..count).map(one).collect()
}

fn row_of(mut body: Bytes, types: &[u32]) -> Result<Row, WireError> {
    if usize::from(short(&mut body)?) != types.len() {
        return Err(nonsense());
    }
    let columns = types.iter().map(|kind| {
        let Some(mut raw) = column(&mut body)? else {
            return Ok(Value::Null);
        };
        Ok(match (kind, raw.len()) {
            (16, 1) => Value::Integer(raw.get_u8().into()),
            (20, 8) => Value::Integer(raw.get_i64()),
            (23, 4) => Value::Integer(raw.get_i32().into()),
            (701, 8) => Value::Real(raw.get_f64()),
            (17, _) => Value::Blob(raw),
            (25, _) => Value::Text(String::from_utf8(raw.into()).map_err(|_| nonsense())?),
            _ => return Err(nonsense()),
        })
    });
    columns.collect::<Result<_, _>>().map(Row)
}

/// How many rows a statement says that it changed or gave: the last word.
fn count_of(body: &[u8]) -> usize {
    let tag = String::from_utf8_lossy(body);
    let last = tag.trim_end_matches('\0').rsplit(' ').next();
    last.and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// What the server says that is wrong.
fn error_of(body: &[u8]) -> String {
    let message = body
        .split(|byte| *byte == 0)
        .find_map(|field| field.strip_prefix(b"M"));
    let message = String::from_utf8_lossy(message.unwrap_or(b"it did not work"));
    message.replace('\n', " ")
}
