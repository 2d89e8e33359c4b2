//! `urlfetch fetch`: options into calls, the calls through the component, what came of them onto the screen.

use super::drive::{self, Call, Policy, Rejected};
use super::fetched::Fetched;
use super::progress::Progress;
use super::{Refusal, Verdict, args, output, report, table, urls, waterfall};
use std::io::IsTerminal;
use urlfetch_host::bindings::types::{ErrorKind, Request};
use urlfetch_host::{EgressPolicy, Harness, HarnessOptions, SenderOptions, World, raise_fd_limit};

/// Rows shown on a terminal, unless `--rows` says otherwise.
const ROWS_ON_TERMINAL: usize = 40;
/// What the component keeps of a payload, once per URL, must fit its memory.
const PAYLOADS: usize = 1 << 30;

/// Fetch URLs, all at once, through the urlfetch component.
///
/// Shows every rpc live on a terminal, then a table and a waterfall: a bar per rpc on one time axis, with the time it was queued,
/// waited for the head and read the body, and every redirect. The last line sets the wall time beside the sum of the single times.
///
/// Exit code 0 when every rpc got an answer, whatever its status; 1 when an rpc failed; 2 on bad usage: one line on stderr names
/// the argument and the reason, and nothing was sent.
#[derive(clap::Args)]
#[command(after_long_help = report::KEYS)]
pub(crate) struct FetchArgs {
    /// What to fetch: http or https. @FILE stands for the lines of a file, - for those of standard input (# begins a comment).
    #[arg(value_name = "URL", required = true)]
    urls: Vec<String>,
    /// Seconds each rpc may take, with queueing, redirects and body; the component's default is 5.
    #[arg(long, value_name = "SECONDS", value_parser = args::seconds, allow_negative_numbers = true)]
    deadline: Option<f64>,
    /// GET, POST, HEAD, PUT, DELETE or PATCH [default: GET, or POST with --data].
    #[arg(long, value_name = "METHOD", value_parser = args::method)]
    method: Option<String>,
    /// A header line, 'Name: value'. May be repeated.
    #[arg(long, value_name = "HEADER", value_parser = args::header)]
    header: Vec<(String, Vec<u8>)>,
    /// The body of a POST, PUT or PATCH; @FILE is the content of a file.
    #[arg(long, value_name = "DATA")]
    data: Option<String>,
    /// Take a redirect as the answer.
    #[arg(long)]
    no_follow: bool,
    /// Keep the first 32 MiB of a larger answer, instead of failing.
    #[arg(long)]
    allow_truncated: bool,
    /// How many rpcs are out at once; the others queue, inside their deadline. 1 to 10,000; the component's default is 100.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    max_in_flight: Option<u32>,
    /// Permit private, loopback and link-local addresses, which are refused otherwise.
    #[arg(long)]
    allow_private: bool,
    /// Trust the certificates in this PEM file as well.
    #[arg(long, value_name = "FILE", conflicts_with = "stock")]
    ca_file: Option<String>,
    /// Send by wasmtime's own sender: one connection per request, HTTP/1.1, and no judgement of addresses after the lookup.
    #[arg(long)]
    stock: bool,
    /// Print one JSON object per rpc and line instead: see the end of --help.
    #[arg(long)]
    json: bool,
    /// Rows of table and waterfall at most, the failed and the slowest first [default: 40 on a terminal, otherwise all].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rows: Option<u32>,
}

/// Fetches and shows.
pub(crate) fn run(args: FetchArgs) -> Result<Verdict, Refusal> {
    let calls = calls(&args)?;
    let in_flight = args.max_in_flight.unwrap_or(100);
    make_room(calls.len(), in_flight)?;
    let world = world(&args)?;
    let policy = Policy {
        allow_private: args.allow_private,
        max_in_flight: args.max_in_flight,
    };
    let run = super::runtime()?.block_on(async {
        let harness = Harness::new(HarnessOptions::default()).map_err(Refusal::new)?;
        let mut session = harness.session(world).await.map_err(Refusal::new)?;
        if let Some(rejected) = drive::rehearse(&mut session, &calls).await? {
            return Err(bad_usage(&rejected, &calls));
        }
        let urls: Vec<_> = calls.iter().map(|call| call.request.url.clone()).collect();
        drive::drive(&mut session, policy, calls, &mut Progress::new(&urls)).await
    })?;
    for name in &run.rejected_headers {
        eprintln!("urlfetch: --header '{name}': not sent, a caller may not set it");
    }
    if args.json {
        output::print(json(&run.fetched)?.as_bytes())?;
    } else {
        let on_terminal = std::io::stdout().is_terminal().then_some(ROWS_ON_TERMINAL);
        let room = args.rows.map(|rows| rows as usize).or(on_terminal);
        let shown = picture(
            &run.fetched,
            run.wall_ms,
            room.unwrap_or(usize::MAX),
            output::coloured(),
        );
        output::print(shown.as_bytes())?;
    }
    let failed = run.fetched.iter().any(|rpc| rpc.outcome.is_err());
    Ok(if failed {
        Verdict::SomeFailed
    } else {
        Verdict::Succeeded
    })
}

/// Table, waterfall and totals; `room` rows of each.
pub(crate) fn picture(fetched: &[Fetched], wall_ms: f64, room: usize, coloured: bool) -> String {
    let places = table::chosen(fetched, room);
    let mut text = table::table(fetched, &places, coloured);
    text.push('\n');
    text.push_str(&waterfall::waterfall(fetched, &places, wall_ms, coloured));
    text.push('\n');
    let omitted = fetched.len() - places.len();
    if omitted > 0 {
        text.push_str(&format!(
            "{omitted} of {} rows omitted: the failed and the slowest are shown; --rows {} or --json gives all\n",
            fetched.len(),
            fetched.len()
        ));
    }
    text.push_str(&table::totals(fetched, wall_ms));
    text
}

fn json(fetched: &[Fetched]) -> Result<String, Refusal> {
    let mut text = String::new();
    for rpc in fetched {
        text.push_str(
            &report::json_line(rpc).map_err(|error| Refusal::new(format!("--json: {error}")))?,
        );
        text.push('\n');
    }
    Ok(text)
}

/// The calls that the options stand for.
fn calls(args: &FetchArgs) -> Result<Vec<Call>, Refusal> {
    let urls = urls::expand(&args.urls, &mut std::io::stdin().lock())?;
    let payload = args.data.as_deref().map(payload).transpose()?;
    let method = args
        .method
        .clone()
        .unwrap_or_else(|| if payload.is_some() { "POST" } else { "GET" }.into());
    if payload.is_some() && !matches!(method.as_str(), "POST" | "PUT" | "PATCH") {
        return Err(Refusal::new(format!("--data: a {method} has no body")));
    }
    let size = payload.as_ref().map_or(0, Vec::len);
    if size.saturating_mul(urls.len()) > PAYLOADS {
        return Err(Refusal::new(format!(
            "--data: {size} bytes for each of {} URLs do not fit the component",
            urls.len()
        )));
    }
    let call = |url| Call {
        request: Request {
            url,
            method: method.clone(),
            headers: args.header.clone(),
            payload: payload.clone(),
            follow_redirects: !args.no_follow,
            allow_truncated: args.allow_truncated,
            validate_certificate: None,
        },
        deadline: args.deadline,
    };
    Ok(urls.into_iter().map(call).collect())
}

fn payload(data: &str) -> Result<Vec<u8>, Refusal> {
    match data.strip_prefix('@') {
        Some(path) => {
            std::fs::read(path).map_err(|error| Refusal::new(format!("--data '{data}': {error}")))
        }
        None => Ok(data.as_bytes().to_vec()),
    }
}

/// Sees to it that the sockets can be opened, or says what stands in the way.
fn make_room(calls: usize, in_flight: u32) -> Result<(), Refusal> {
    let at_once = (calls as u64).min(u64::from(in_flight));
    raise_fd_limit(at_once)
        .map_err(|error| Refusal::new(format!("--max-in-flight {in_flight}: {error}")))?;
    // Idle connections to many origins are kept beside; welcome, not needed.
    let _ = raise_fd_limit(calls as u64);
    Ok(())
}

fn world(args: &FetchArgs) -> Result<World, Refusal> {
    if args.stock {
        return Ok(World::Stock);
    }
    let egress = if args.allow_private {
        EgressPolicy::default()
    } else {
        EgressPolicy::public_only()
    };
    let options = SenderOptions {
        egress,
        ..SenderOptions::default()
    };
    super::ca_file::sender(args.ca_file.as_deref(), options).map(World::Pooled)
}

/// The argument at fault, and what the component says of it.
fn bad_usage(rejected: &Rejected, calls: &[Call]) -> Refusal {
    let Rejected {
        place,
        kind,
        detail,
    } = rejected;
    let request = &calls[*place].request;
    let argument = match kind {
        ErrorKind::InvalidMethod => format!("--method '{}'", request.method),
        ErrorKind::InvalidArgument
            if calls[*place].deadline.is_some() && detail.contains("deadline") =>
        {
            "--deadline".into()
        }
        ErrorKind::InvalidArgument => "--header".into(),
        ErrorKind::PayloadTooLarge if request.payload.is_none() => "--header".into(),
        ErrorKind::PayloadTooLarge => "--data".into(),
        _ => format!("URL '{}'", shortened(&request.url)),
    };
    Refusal::new(format!("{argument}: {detail}"))
}

/// A URL of ten thousand characters is named by its beginning.
fn shortened(url: &str) -> String {
    const SHOWN: usize = 200;
    match url.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &url[..end]),
        None => url.escape_debug().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fetched::Fetched;
    use super::super::fetched::samples::{late, success};
    use super::{FetchArgs, picture, world};
    use clap::Parser;
    use http_body_util::{BodyExt, Empty};
    use urlfetch_host::{Fault, Loopback, World};

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        fetch: FetchArgs,
    }

    /// What the host of this command line makes of a request that the component would have let through.
    async fn sent_past_the_component(line: &[&str], url: &str) -> Result<u16, Fault> {
        let args = Line::parse_from([&["urlfetch"], line].concat()).fetch;
        let Ok(World::Pooled(sender)) = world(&args) else {
            panic!("{line:?} makes another world");
        };
        let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
        let request = http::Request::get(url).body(body).unwrap();
        let head = sender.send(request, None).await?;
        Ok(head.status().as_u16())
    }

    #[tokio::test]
    async fn the_host_refuses_private_addresses_by_itself_unless_it_is_told_otherwise() {
        let origin = Loopback::start().await.unwrap();
        let by_name = format!("http://localhost:{}/status/204", origin.address().port());
        for url in [origin.url("/status/204"), by_name] {
            assert_eq!(
                sent_past_the_component(&[&url], &url).await,
                Err(Fault::DestinationIpProhibited)
            );
            assert_eq!(origin.connections(), 0);
        }
        let url = origin.url("/status/204");
        assert_eq!(
            sent_past_the_component(&["--allow-private", &url], &url).await,
            Ok(204)
        );
    }

    #[test]
    fn many_rows_are_cut_and_the_cut_is_said() {
        let mut all: Vec<Fetched> = (0..1000)
            .map(|i| success("http://a/", f64::from(i)))
            .collect();
        all[3] = late("http://a/late", 2.0);
        let shown = picture(&all, 1000.0, 2, false);
        assert!(
            shown.contains("\n   4       -") && shown.contains("\n1000     200"),
            "{shown}"
        );
        assert!(shown.contains("998 of 1000 rows omitted"), "{shown}");
        assert!(
            shown
                .ends_with("999 fetched, 1 failed in 1.00 s; the single times add up to 499.5 s\n"),
            "{shown}"
        );
    }

    #[test]
    fn few_rows_are_shown_whole() {
        let shown = picture(&[success("http://a/", 5.0)], 5.0, 40, false);
        assert!(!shown.contains("omitted"));
    }
}
