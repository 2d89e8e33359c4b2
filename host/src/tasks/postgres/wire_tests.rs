//! What a connection does with real servers: who it talks to, what comes back, and that every wait has an end.

use super::super::connect;
use super::*;
use crate::tasks::place::database::Database as Server;
use crate::tasks::place::server;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The URL of a database that no other test has, where PostgreSQL is installed.
fn database() -> Option<String> {
    static NEXT: AtomicUsize = AtomicUsize::new(2_000_000);
    server::database(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A connection of the test's own.
fn wire(url: &str) -> Result<Wire> {
    let tls = crate::sender::tls::client_config(&[]).unwrap();
    connect(&Address::parse(url, tls).unwrap())
}

#[test]
fn a_database_that_answers_before_it_has_written_does_not_do_so_to_us() {
    let Some(url) = database() else {
        return;
    };
    let of_us = |role: &str| format!("{role}@{}", url.split_once('@').unwrap().1);
    let wire = wire(&url).unwrap();
    wire.ask("CREATE ROLE hasty SUPERUSER LOGIN; ALTER ROLE hasty SET synchronous_commit TO off")
        .unwrap();
    let hasty = self::wire(&of_us("postgres://hasty")).unwrap();
    let said = hasty.ask("SHOW synchronous_commit").unwrap();
    assert_eq!(said.as_deref(), Some("on"));
}

#[test]
fn a_password_is_proved_and_not_said() {
    let Some(url) = database() else {
        return;
    };
    let of_us = |role: &str| format!("postgres://{role}@{}", url.split_once('@').unwrap().1);
    wire(&url)
        .unwrap()
        .ask("CREATE ROLE guarded LOGIN PASSWORD 'p@ss word'")
        .unwrap();
    assert!(wire(&of_us("guarded:p%40ss%20word")).is_ok());
    let refused = |role| wire(&of_us(role)).err().unwrap().to_string();
    assert!(refused("guarded:wrong").contains("password authentication failed"));
    assert!(refused("guarded").contains("password missing"));
}

#[test]
fn every_kind_of_value_comes_back_as_it_went() {
    let Some(url) = database() else {
        return;
    };
    let mut wire = wire(&url).unwrap();
    wire.ask(
        "CREATE TEMPORARY TABLE kinds (a BIGINT, b DOUBLE PRECISION, c TEXT, d BYTEA, e BIGINT)",
    )
    .unwrap();
    let values = [
        Value::Integer(i64::MIN),
        Value::Real(-0.1),
        Value::Text("ä'\\$1\n".into()),
        Value::Blob((0..=255).collect()),
        Value::Null,
    ];
    for kept in [true, true, false] {
        let insert = "INSERT INTO kinds VALUES ($1, $2, $3, $4, $5)";
        assert_eq!(wire.run(insert, &values, kept), Ok((1, vec![])));
    }
    let (count, rows) = wire.run("SELECT * FROM kinds", &[], true).unwrap();
    assert_eq!((count, rows.len()), (3, 3));
    assert!(rows.iter().all(|row| row.0 == values));
    // More statements than are kept, and what is wrong in between.
    for n in 0..200 {
        let sql = format!("SELECT CAST($1 AS BIGINT) + {n}");
        let (_, rows) = wire.run(&sql, &[Value::Integer(1)], true).unwrap();
        assert_eq!(rows[0].0, [Value::Integer(n + 1)]);
        let wrong = wire.run("SELECT nothing", &[], true).unwrap_err();
        assert!(wrong.reason.contains("does not exist"), "{wrong}");
    }
}

#[test]
fn tls_is_there_when_it_is_asked_for_and_its_certificate_is_judged() {
    if Server::programs().is_none() {
        return;
    }
    let folder = std::env::temp_dir().join(format!("urlfetch-pg-tls-{}", std::process::id()));
    let mut server = Server::start(&folder, &["fsync=off"]).unwrap();
    server
        .tell(
            "CREATE ROLE guarded LOGIN PASSWORD 'known'; CREATE ROLE asked LOGIN PASSWORD 'known'",
        )
        .unwrap();
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = own.cert.pem();
    let port = server
        .guard(&certificate, &own.signing_key.serialize_pem())
        .unwrap();
    let to = |url: String, roots: &str| {
        let tls = crate::sender::tls::client_config(roots.as_bytes()).unwrap();
        connect(&Address::parse(&url, tls).unwrap())
    };
    let url = format!("postgres://guarded:known@127.0.0.1:{port}/postgres");
    let secret = format!("{url}?sslmode=require");
    let wire = to(secret.clone(), &certificate).unwrap();
    let encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(wire.ask(encrypted).unwrap().as_deref(), Some("t"));
    // Nobody vouches for it.
    let error = to(secret, "").err().unwrap().to_string();
    assert!(error.contains("UnknownIssuer"), "{error}");
    // It is for another name.
    let error = to(secret_of_name(port), &certificate).err().unwrap();
    assert!(error.to_string().contains("certificate"), "{error}");
    // Without it the server does not talk to us.
    assert!(to(url, "").is_err());
    // Who is asked for the password itself says it where nobody else hears it.
    let url = format!("postgres://asked:known@127.0.0.1:{port}/postgres");
    assert!(to(format!("{url}?sslmode=require"), &certificate).is_ok());
    let error = to(url, "").err().unwrap().to_string();
    assert!(error.contains("wants the password in the clear"), "{error}");
}

fn secret_of_name(port: u16) -> String {
    format!("postgres://guarded:known@localhost:{port}/postgres?sslmode=require")
}

/// Passes bytes on between 127.0.0.1 and the socket of a database, until it is told to be silent: then it keeps what comes.
struct Proxy {
    port: u16,
    silent: Arc<AtomicBool>,
}

impl Proxy {
    fn to(url: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let folder = url.split_once('@').unwrap().1.split_once('/').unwrap().0;
        let socket = Path::new(&folder.replace("%2F", "/")).join(".s.PGSQL.5432");
        let silent = Arc::new(AtomicBool::new(false));
        let told = silent.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                pass_on(client.unwrap(), &socket, &told);
            }
        });
        Proxy { port, silent }
    }

    /// The URL of the database behind it.
    fn url(&self, of_the_database: &str) -> String {
        let (user, place) = of_the_database.split_once('@').unwrap();
        let name = place.split_once('/').unwrap().1;
        format!("{user}@127.0.0.1:{}/{name}", self.port)
    }
}

fn pass_on(client: TcpStream, socket: &PathBuf, silent: &Arc<AtomicBool>) {
    let server = UnixStream::connect(socket).unwrap();
    let (mut up, mut down) = (client.try_clone().unwrap(), client);
    let (mut to, mut from) = (server.try_clone().unwrap(), server);
    let heard = silent.clone();
    std::thread::spawn(move || {
        copy(&mut up, &mut to, &heard);
        let _ = to.shutdown(Shutdown::Both);
    });
    let said = silent.clone();
    std::thread::spawn(move || copy(&mut from, &mut down, &said));
}

fn copy(from: &mut impl Read, to: &mut impl Write, silent: &AtomicBool) {
    let mut some = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut some) {
        if !silent.load(Ordering::SeqCst) && to.write_all(&some[..count]).is_err() {
            return;
        }
    }
}

#[test]
fn a_database_that_falls_silent_without_a_word_is_given_up_once() {
    let Some(url) = database() else {
        return;
    };
    let proxy = Proxy::to(&url);
    let mut wire = wire(&proxy.url(&url)).unwrap();
    let one = || wire.ask("SELECT 1");
    assert_eq!(one().unwrap().as_deref(), Some("1"));
    proxy.silent.store(true, Ordering::SeqCst);
    // From here on time passes when there is nothing else to do.
    wire.runtime.block_on(async { tokio::time::pause() });
    let start = wire.runtime.block_on(async { tokio::time::Instant::now() });
    assert_eq!(one().unwrap_err().reason, "the database does not answer");
    let asked = wire.runtime.block_on(async { start.elapsed() });
    assert!(asked >= LONGEST, "{asked:?}");
    // Nobody waits for it again, and an answer that comes late is not taken for another.
    proxy.silent.store(false, Ordering::SeqCst);
    assert!(one().is_err());
    assert!(wire.listen(LONGEST).is_err());
    assert!(wire.run("SELECT 1", &[], true).is_err());
    let waited = wire.runtime.block_on(async { start.elapsed() });
    assert!(waited < LONGEST * 2, "{waited:?}");
}

#[test]
fn a_host_that_says_nothing_is_given_up_for_the_next() {
    let Some(url) = database() else {
        return;
    };
    // The system takes connections for it.
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let silent = silent.local_addr().unwrap();
    let good = Proxy::to(&url).url(&url);
    let both = good.replace("@", &format!("@{silent},"));
    let wire = wire(&format!("{both}?connect_timeout=1")).unwrap();
    assert_eq!(wire.ask("SELECT 1").unwrap().as_deref(), Some("1"));
}

#[test]
fn a_host_that_takes_no_writes_is_none() {
    let Some(url) = database() else {
        return;
    };
    let sql = "CREATE ROLE reader LOGIN; ALTER ROLE reader SET default_transaction_read_only TO on";
    wire(&url).unwrap().ask(sql).unwrap();
    let error = wire(&url.replace("urlfetch@", "reader@")).err().unwrap();
    assert!(error.reason.contains("does not allow writes"), "{error}");
}
