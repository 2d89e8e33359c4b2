//! The HTTP client waki, which blocks: one fetch after the other.

use ask::{Ask, REDIRECTS, Tally, What};
use flate2::read::GzDecoder;
use std::io::{Error, Read};
use waki::Client;

fn main() {
    let ask = Ask::from_args().without(&[What::Callbacks, What::KeepInTurn]);
    let mut tally = Tally::start();
    let mut kept = Vec::new();
    for _ in 0..ask.count {
        let outcome = fetch(&ask);
        tally.count(outcome.as_ref().map(|(status, body)| (*status, body.len())));
        if ask.what == What::Keep {
            kept.extend(outcome);
        }
    }
    tally.print();
}

/// It follows no redirects and inflates nothing: whoever needs that writes this.
fn fetch(ask: &Ask) -> Result<(u16, Vec<u8>), Error> {
    let mut url = ask.url.clone();
    for _ in 0..=REDIRECTS {
        let request = match ask.what {
            What::Upload => Client::new().post(&url).body(vec![0; ask.upload]),
            What::Inflate => Client::new().get(&url).header("accept-encoding", "gzip"),
            _ => Client::new().get(&url),
        };
        let response = request.send().map_err(Error::other)?;
        if ask.what == What::Follow
            && let Some(location) = response.header("location")
        {
            url = ask.absolute(location.to_str().map_err(Error::other)?);
            continue;
        }
        let status = response.status_code();
        let mut content = response.body().map_err(Error::other)?;
        if ask.what == What::Inflate {
            let mut inflated = Vec::new();
            GzDecoder::new(&*content).read_to_end(&mut inflated)?;
            content = inflated;
        }
        return Ok((status, content));
    }
    Err(Error::other("too many redirects"))
}
