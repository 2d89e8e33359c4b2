//! A PostgreSQL server of a test's own: in a folder, behind a Unix socket, gone when the test's process is.

use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What a server says when it can be used.
const READY: &str = "database system is ready to accept connections";
/// Runs a server until there is nothing more to read. Then the folder goes, unless what was read is `keep`.
const KEEPER: &str = r#"
folder=$1; shift
"$@" & server=$!
read word
kill -QUIT $server 2>/dev/null; wait $server
[ "$word" = keep ] || rm -rf "$folder"
"#;

/// Everybody is believed, but for roles of these names; `asked` is asked for the password itself.
const WHO: &str = "local all guarded scram-sha-256\nlocal all all trust\nhostssl all guarded 127.0.0.1/32 scram-sha-256\n\
    host all asked 127.0.0.1/32 password\n";

/// A server, and what it keeps.
#[derive(Debug)]
pub struct Database {
    /// Where PostgreSQL's programs are.
    programs: PathBuf,
    folder: PathBuf,
    settings: Vec<String>,
    keeper: Option<Child>,
}

impl Database {
    /// The folder of PostgreSQL's programs, where it is installed: the one that the variable POSTGRES names, one in PATH, or Debian's.
    pub fn programs() -> Option<PathBuf> {
        let named = std::env::var_os("POSTGRES").map(PathBuf::from);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let debian = std::fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten();
        let debian = debian.flatten().map(|version| version.path().join("bin"));
        named
            .into_iter()
            .chain(std::env::split_paths(&path))
            .chain(debian)
            // Links lead to where all of them are.
            .filter_map(|folder| {
                folder
                    .join("initdb")
                    .canonicalize()
                    .ok()?
                    .parent()
                    .map(Path::to_owned)
            })
            .find(|folder| {
                ["pg_ctl", "postgres", "psql"]
                    .iter()
                    .all(|program| folder.join(program).is_file())
            })
    }

    /// A new server in this folder, which is made, and is no longer than a socket's name may be. `settings` are like `fsync=off`.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not want to.
    pub fn start(folder: &Path, settings: &[&str]) -> io::Result<Self> {
        let programs = Database::programs().ok_or_else(|| {
            io::Error::other("PostgreSQL is not installed: apt-get install postgresql")
        })?;
        let _ = std::fs::remove_dir_all(folder);
        std::fs::create_dir_all(folder)?;
        if let Some((user, group)) = stranger() {
            std::os::unix::fs::chown(folder, Some(user), Some(group))?;
        }
        let mut database = Database {
            programs,
            folder: folder.to_owned(),
            settings: settings.iter().map(|&setting| setting.to_owned()).collect(),
            keeper: None,
        };
        let mut make = database.program("initdb");
        make.args(["--no-sync", "--auth=trust", "--username=urlfetch"]);
        make.args(["--encoding=UTF8", "--no-locale"]);
        said(make.arg("-D").arg(folder.join("data")))?;
        std::fs::write(folder.join("data/pg_hba.conf"), WHO)?;
        database.resume()?;
        Ok(database)
    }

    /// The URL of the database of this name; `postgres` is there.
    pub fn url(&self, name: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://urlfetch@{folder}/{name}")
    }

    /// Makes a database of this name.
    ///
    /// # Errors
    /// When `psql` fails.
    pub fn make(&self, name: &str) -> io::Result<()> {
        self.tell(&format!("CREATE DATABASE {name}"))
    }

    /// Does a statement in the database `postgres`.
    ///
    /// # Errors
    /// When `psql` fails.
    pub fn tell(&self, statement: &str) -> io::Result<()> {
        let mut psql = self.program("psql");
        psql.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]);
        said(psql.args(["--dbname", &self.url("postgres"), "--command", statement]))
    }

    /// Starts it anew, with TLS by this certificate and its key as well: at a port of 127.0.0.1, which is returned, and for the roles
    /// `guarded` and `asked` alone.
    ///
    /// # Errors
    /// When it does not want to.
    pub fn guard(&mut self, certificate: &str, key: &str) -> io::Result<u16> {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?
            .local_addr()?
            .port();
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let path = self.folder.join("data").join(name);
            std::fs::write(&path, text)?;
            let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&path, owner_only)?;
            if let Some((user, group)) = stranger() {
                std::os::unix::fs::chown(&path, Some(user), Some(group))?;
            }
        }
        let port_setting = format!("port={port}");
        let settings = ["ssl=on", "listen_addresses=127.0.0.1", &port_setting];
        self.settings.extend(settings.map(str::to_owned));
        self.crash()?;
        self.resume()?;
        Ok(port)
    }

    /// Ends it as a crash does, without a word to its clients.
    ///
    /// # Errors
    /// When `pg_ctl` fails.
    pub fn crash(&mut self) -> io::Result<()> {
        let mut stop = self.program("pg_ctl");
        stop.args(["stop", "-m", "immediate", "-D"]);
        said(stop.arg(self.folder.join("data")))?;
        self.release()
    }

    /// Starts it again.
    ///
    /// # Errors
    /// When it does not come to the point where it can be used.
    pub fn resume(&mut self) -> io::Result<()> {
        let mut server = self.program("postgres");
        server.arg("-D").arg(self.folder.join("data"));
        server.arg("-k").arg(&self.folder);
        for setting in [
            "listen_addresses=",
            "max_connections=200",
            "log_min_messages=log",
        ] {
            server.args(["-c", setting]);
        }
        for setting in &self.settings {
            server.args(["-c", setting]);
        }
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "sh"]).arg(&self.folder);
        keeper.arg(server.get_program()).args(server.get_args());
        keeper.stdin(Stdio::piped()).stderr(Stdio::piped());
        // Nothing of the test's folder is the server's business.
        let mut keeper = keeper.stdout(Stdio::null()).current_dir("/").spawn()?;
        let mut lines =
            BufReader::new(keeper.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?).lines();
        self.keeper = Some(keeper);
        let mut log = String::new();
        loop {
            match lines.next() {
                Some(Ok(line)) if line.contains(READY) => break,
                Some(Ok(line)) => log = format!("{log}\n{line}"),
                _ => return Err(io::Error::other(format!("postgres ended:{log}"))),
            }
        }
        // It stops when nobody reads what it says.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(())
    }

    /// Lets the keeper of a server that has ended go.
    fn release(&mut self) -> io::Result<()> {
        let Some(mut keeper) = self.keeper.take() else {
            return Ok(());
        };
        if let Some(mut word) = keeper.stdin.take() {
            word.write_all(b"keep\n")?;
        }
        keeper.wait().map(drop)
    }

    /// One of PostgreSQL's programs, which does not want to be run by root.
    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = match stranger() {
            Some((user, group)) => {
                let mut command = Command::new("setpriv");
                command
                    .arg(format!("--reuid={user}"))
                    .arg(format!("--regid={group}"));
                command.arg("--clear-groups").arg(program);
                command
            }
            None => Command::new(program),
        };
        command.current_dir("/");
        command
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
    }
}

/// The user and the group whom a server runs as when it is root who tests: `nobody`.
fn stranger() -> Option<(u32, u32)> {
    let id = |args: &[&str]| {
        let output = Command::new("id").args(args).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    match id(&["-u"])? {
        0 => Some((id(&["-u", "nobody"])?, id(&["-g", "nobody"])?)),
        _ => None,
    }
}

/// Runs a program to its end; its words are the error.
fn said(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        ))),
    }
}
