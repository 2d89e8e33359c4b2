//! The HTTP client of wstd, all fetches joined.
#![allow(missing_docs, reason = "what `wstd::main` makes has none")]

use ask::{Ask, DEADLINE, REDIRECTS, Tally, What};
use flate2::read::GzDecoder;
use futures_util::future::join_all;
use std::io::Read;
use wstd::http::{Body, Client, Error, Method, Request, body::Bytes};

#[wstd::main]
async fn main() {
    let ask = Ask::from_args().without(&[What::Callbacks, What::KeepInTurn]);
    let mut client = Client::new();
    client.set_first_byte_timeout(DEADLINE);
    let mut tally = Tally::start();
    let fetches = (0..ask.count).map(|_| fetch(&client, &ask));
    let mut kept = Vec::new();
    for outcome in join_all(fetches).await {
        tally.count(outcome.as_ref().map(|(status, body)| (*status, body.len())));
        if ask.what == What::Keep {
            kept.extend(outcome);
        }
    }
    tally.print();
}

/// It follows no redirects and inflates nothing: whoever needs that writes this.
async fn fetch(client: &Client, ask: &Ask) -> Result<(u16, Bytes), Error> {
    let mut url = ask.url.clone();
    for _ in 0..=REDIRECTS {
        let mut request = Request::builder().uri(&url);
        if ask.what == What::Inflate {
            request = request.header("accept-encoding", "gzip");
        }
        let body = match ask.what {
            What::Upload => {
                request = request
                    .method(Method::POST)
                    .header("content-length", ask.upload);
                Body::from(vec![0; ask.upload])
            }
            _ => Body::empty(),
        };
        let response = client.send(request.body(body)?).await?;
        if ask.what == What::Follow
            && let Some(location) = response.headers().get("location")
        {
            url = ask.absolute(location.to_str()?);
            continue;
        }
        let status = response.status().as_u16();
        let mut content = response.into_body().bytes_contents().await?;
        if ask.what == What::Inflate {
            let mut inflated = Vec::new();
            GzDecoder::new(&*content).read_to_end(&mut inflated)?;
            content = inflated.into();
        }
        return Ok((status, content));
    }
    Err(Error::msg("too many redirects"))
}
