//! Where a database is: `postgres://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]...]/DATABASE[?sslmode=require]`. A HOST that begins with
//! a slash, written as `%2F`, is the folder of a Unix socket.

use percent_encoding::percent_decode_str;
use rustls::ClientConfig;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

/// What a URL says, and whom TLS trusts.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) user: String,
    pub(super) password: Option<String>,
    pub(super) database: String,
    /// Tried in this order.
    pub(super) hosts: Vec<(String, u16)>,
    /// None when TLS is not wanted.
    pub(super) tls: Option<Arc<ClientConfig>>,
}

/// What a connection is made of before TLS.
pub(super) enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
}

impl Address {
    /// Reads a URL. It is not repeated in an error: it may have a password. `tls` is used when it is asked for.
    pub(super) fn parse(url: &str, tls: ClientConfig) -> Result<Self, String> {
        let rest = url.split_once("://").map(|(_, rest)| rest);
        let rest = rest.ok_or("is no URL")?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (user, hosts),
            None => ("", authority),
        };
        let (user, password) = match user.split_once(':') {
            Some((user, password)) => (user, Some(decoded(password)?)),
            None => (user, None),
        };
        let user = match user {
            "" => std::env::var("USER").unwrap_or_else(|_| "postgres".into()),
            user => decoded(user)?,
        };
        let database = match database {
            "" => user.clone(),
            database => decoded(database)?,
        };
        let hosts = hosts.split(',').map(host).collect::<Result<_, _>>()?;
        let mut wanted = None;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            wanted = match (&*name, &*value) {
                ("sslmode", "disable") => None,
                // A certificate is never left unjudged: what asks for less gets more.
                ("sslmode", "require" | "verify-ca" | "verify-full") => Some(Arc::new(tls.clone())),
                ("sslmode", _) => return Err("sslmode is neither `disable` nor `require`".into()),
                (name, _) => return Err(format!("the parameter `{name}` is not known here")),
            };
        }
        if [&user, &database].iter().any(|text| text.contains('\0')) {
            return Err("has a zero byte".into());
        }
        Ok(Address {
            user,
            password: password.or_else(|| std::env::var("PGPASSWORD").ok()),
            database,
            hosts,
            tls: wanted,
        })
    }
}

fn decoded(text: &str) -> Result<String, String> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(Into::into)
        .map_err(|_| "is not UTF-8 when it is decoded".into())
}

/// A host and its port.
fn host(text: &str) -> Result<(String, u16), String> {
    let (name, port) = match text.rsplit_once(':') {
        // A colon inside brackets belongs to an address.
        Some((name, port)) if !port.ends_with(']') => (name, port),
        _ => (text, "5432"),
    };
    let port = port.parse().map_err(|_| "a port is no number")?;
    let name = decoded(name.trim_start_matches('[').trim_end_matches(']'))?;
    match name.is_empty() {
        true => Err("names no host".into()),
        false => Ok((name, port)),
    }
}

impl Socket {
    pub(super) fn connect(host: &str, port: u16, patience: Duration) -> io::Result<Self> {
        #[cfg(unix)]
        if host.starts_with('/') {
            let path = format!("{host}/.s.PGSQL.{port}");
            return std::os::unix::net::UnixStream::connect(path).map(Socket::Unix);
        }
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in (host, port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, patience) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Socket::Tcp(stream));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Another way to the same socket.
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        match self {
            Socket::Tcp(stream) => stream.try_clone().map(Socket::Tcp),
            #[cfg(unix)]
            Socket::Unix(stream) => stream.try_clone().map(Socket::Unix),
        }
    }

    /// How long a read or a write waits.
    pub(super) fn set_patience(&self, patience: Duration) -> io::Result<()> {
        match self {
            Socket::Tcp(stream) => {
                stream.set_write_timeout(Some(patience))?;
                stream.set_read_timeout(Some(patience))
            }
            #[cfg(unix)]
            Socket::Unix(stream) => {
                stream.set_write_timeout(Some(patience))?;
                stream.set_read_timeout(Some(patience))
            }
        }
    }
}

impl io::Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.read(buffer),
            #[cfg(unix)]
            Socket::Unix(stream) => stream.read(buffer),
        }
    }
}

impl io::Write for Socket {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.write(buffer),
            #[cfg(unix)]
            Socket::Unix(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Socket::Tcp(stream) => stream.flush(),
            #[cfg(unix)]
            Socket::Unix(stream) => stream.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address, String> {
        Address::parse(url, crate::sender::tls::client_config(&[]).unwrap())
    }

    #[test]
    fn a_url_says_who_where_and_what() {
        let address =
            parse("postgres://me:a%40b@one,two:6000,[::1]:7/tasks?sslmode=require").unwrap();
        assert_eq!(
            (
                &*address.user,
                address.password.as_deref(),
                &*address.database
            ),
            ("me", Some("a@b"), "tasks")
        );
        let hosts = [
            ("one".to_owned(), 5432),
            ("two".to_owned(), 6000),
            ("::1".to_owned(), 7),
        ];
        assert_eq!(address.hosts, hosts);
        assert!(address.tls.is_some());
        let socket = parse("postgresql://me@%2Frun%2Fpostgresql").unwrap();
        assert_eq!(socket.hosts, [("/run/postgresql".to_owned(), 5432)]);
        assert_eq!((&*socket.database, socket.tls.is_none()), ("me", true));
    }

    #[test]
    fn a_url_that_is_not_understood_is_refused_without_its_password() {
        for url in [
            "postgres:me:secret@h",
            "postgres://me:secret@/x",
            "postgres://me:secret@h:x/x",
            "postgres://me:secret@h/x?sslmode=maybe",
            "postgres://me:secret@h/x?sslmode=prefer",
            "postgres://me:secret@h/x?options=-c",
            "postgres://me:secret@h/%00",
            "postgres://me:secret%ff@h/x",
        ] {
            let error = parse(url).err().unwrap_or_else(|| panic!("{url}"));
            assert!(
                !error.contains("secret") && !error.contains('\n'),
                "{error}"
            );
        }
    }
}
