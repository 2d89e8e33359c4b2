//! An application that fetches ten URLs for each request, behind `urlfetch serve` and behind `wasmtime serve`.

use crate::figure::{Figure, Spread, Unit};
use crate::load::{Load, Served};
use crate::origin::Origin;
use crate::{Mode, folder, root};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Clients at once.
const CLIENTS: usize = 16;
/// URLs for each request.
const FAN_OUT: usize = 10;

/// Who serves.
const SERVERS: [&str; 2] = ["urlfetch serve", "wasmtime serve"];

/// Measures both in turn. Who is not there, or cannot serve, is left out, loudly.
pub(crate) async fn measure(mode: Mode, origin: &Origin) -> Result<Vec<Figure>> {
    let (rounds, seconds) = match mode {
        Mode::Quick => (2, 2),
        Mode::Full => (5, 6),
    };
    let urls = vec![format!("url={}", origin.url("/bytes/1024")); FAN_OUT].join("&");
    let expected = r#""bytes": 1024"#;
    let mut served: [Vec<Served>; SERVERS.len()] = Default::default();
    for round in 1..=rounds {
        eprint!("\rserve: round {round} of {rounds}  ");
        for (server, served) in SERVERS.iter().zip(&mut served) {
            if round > 1 && served.is_empty() {
                continue;
            }
            match Server::start(server).await {
                Ok(running) => {
                    let load = Load {
                        address: running.address.clone(),
                        path: format!("/?{urls}"),
                        clients: CLIENTS,
                        time: Duration::from_secs(seconds),
                        contains: (expected, FAN_OUT),
                    };
                    served.push(load.run().await?);
                }
                Err(error) => eprintln!("\nserve: {server} is left out: {error:#}"),
            }
        }
    }
    eprintln!();
    let floor = &served[1];
    let mut figures = Vec::new();
    for (server, own) in SERVERS.iter().zip(&served) {
        let mut add = |case: &str, unit, of: fn(&Served) -> f64| {
            let ratios = own
                .iter()
                .zip(floor)
                .map(|(own, floor)| of(own) / of(floor));
            let Some(value) = Spread::of(own.iter().map(of).collect()) else {
                return;
            };
            figures.push(Figure {
                value,
                ratio: Spread::of(ratios.collect()),
                samples: own.len(),
                exact: false,
                lost: own.iter().map(|served| served.lost).sum(),
                ..Figure::exact("serve", case, server, unit, 0.0)
            });
        };
        add("requests", Unit::PerSecond, |served| served.per_second);
        add("p50", Unit::Milliseconds, |served| served.median);
        add("p99", Unit::Milliseconds, |served| served.p99);
    }
    Ok(figures)
}

/// The origin is on this machine, which the application refuses unless told.
const ALLOW_PRIVATE: [&str; 2] = ["--env", "URLFETCH_ALLOW_PRIVATE=1"];

/// A server in a process of its own.
struct Server {
    address: String,
    _process: Child,
}

impl Server {
    async fn start(name: &str) -> Result<Self> {
        let app = folder().join("fan-out.wasm");
        let app = app.to_str().context("a path in UTF-8")?;
        let mut command = match name {
            "urlfetch serve" => {
                let mut command = Command::new(urlfetch()?);
                command.args(["serve", app, "--addr", "127.0.0.1:0"]);
                command.args(ALLOW_PRIVATE);
                command
            }
            _ => {
                let stock = std::env::var_os("WASMTIME").unwrap_or_else(|| "wasmtime".into());
                let mut command = Command::new(stock);
                command.args(["serve", "-Scli", "--addr", "127.0.0.1:0"]);
                command.args(ALLOW_PRIVATE).arg(app);
                command
            }
        };
        let mut process = command
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = process.stdout.take().context("it is piped")?;
        let stderr = process.stderr.take().context("it is piped")?;
        let (mut stdout, mut stderr) = (
            BufReader::new(stdout).lines(),
            BufReader::new(stderr).lines(),
        );
        let address = async {
            // Either stream may be the one that says so.
            let mut last = String::new();
            loop {
                let line = tokio::select! {
                    Ok(Some(line)) = stdout.next_line() => line,
                    Ok(Some(line)) = stderr.next_line() => line,
                    else => bail!("{last}"),
                };
                if let Some(address) = address_in(&line) {
                    return Ok(address);
                }
                last = line;
            }
        };
        let address = tokio::time::timeout(Duration::from_secs(60), address);
        let address = address.await.context("it does not listen after 60 s")??;
        // What it says later is not read, and must not stop it.
        tokio::spawn(async move { while let Ok(Some(_)) = stderr.next_line().await {} });
        tokio::spawn(async move { while let Ok(Some(_)) = stdout.next_line().await {} });
        Ok(Self {
            address,
            _process: process,
        })
    }
}

/// `127.0.0.1:PORT`, wherever it stands in a line.
fn address_in(line: &str) -> Option<String> {
    let rest = &line[line.find("127.0.0.1:")?..];
    let port = rest["127.0.0.1:".len()..]
        .split(|c: char| !c.is_ascii_digit())
        .next()?;
    (!port.is_empty()).then(|| format!("127.0.0.1:{port}"))
}

/// The command `urlfetch`: that of the same build, unless the environment names one.
pub(crate) fn urlfetch() -> Result<PathBuf> {
    let ours = std::env::var_os("URLFETCH").map(PathBuf::from);
    ours.map_or_else(|| beside_this("urlfetch"), Ok)
}

/// A program of the same build.
fn beside_this(name: &str) -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let folder = here.parent().context("a program lies somewhere")?;
    Ok(folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
}

#[cfg(test)]
mod tests {
    use super::address_in;

    #[test]
    fn the_address_is_found_in_what_a_server_says() {
        let line = "Serving HTTP on http://127.0.0.1:34567/";
        assert_eq!(address_in(line), Some("127.0.0.1:34567".to_owned()));
        assert_eq!(address_in("compiling"), None);
    }
}
