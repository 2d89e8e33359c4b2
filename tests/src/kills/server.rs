//! The server that is killed: an application that says what it runs, with its tasks on file and their API by a socket.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use urlfetch_host::serve::{App, AppOptions, LogFormat, ServeOptions, Server, listen, start_log};
use urlfetch_host::{Part, Sender, SenderOptions, Tasks, Token};

/// Its file in the folder.
pub(super) const FILE: &str = "tasks.db";
/// What its clients know.
pub const SECRET: &str = "known-to-both-sides";
/// The application.
const APP: &str = concat!(env!("OUT_DIR"), "/deferring.wasm");

/// Serves with the tasks of this folder, or of the database of this URL, until the process ends. When it listens it prints the address of its API.
///
/// # Errors
/// What keeps it from serving.
pub fn serve(folder: &Path, database: Option<&str>) -> Result<(), Box<dyn std::error::Error>> {
    start_log(LogFormat::Json);
    let tasks = match database {
        Some(url) => Tasks::connect(url, &[])?,
        None => Tasks::open(&folder.join(FILE))?,
    };
    let token = Token::new(SECRET).ok_or("the token is none")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let options = AppOptions {
            instances: 64,
            cache: Some(folder.join("machine-code")),
        };
        let part = Part {
            name: APP.into(),
            bytes: std::fs::read(APP)?,
        };
        let app = App::load(part, &options).await?;
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (listener, api) = (listen(any)?, listen(any)?);
        let address = api.local_addr()?;
        let options = ServeOptions {
            tasks: Some(tasks.with_token(token)),
            ..ServeOptions::default()
        };
        let server = Server::new(
            app,
            Sender::new(SenderOptions::default())?,
            options,
            listener,
            None,
        )
        .tasks_listener(api);
        println!("{address}");
        server.run(std::future::pending()).await;
        Ok(())
    })
}

/// The task that a line of its log says was run.
pub(super) fn ran(line: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let said = line["message"].as_str()?.strip_prefix("ran ")?;
    Some(said.split(' ').next()?.to_owned())
}
