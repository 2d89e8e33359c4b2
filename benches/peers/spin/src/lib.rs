//! The HTTP client of spin-sdk, over wasi:http 0.3, all fetches joined.

use ask::{Ask, REDIRECTS, Tally, What};
use bytes::Bytes;
use flate2::read::GzDecoder;
use futures_util::future::join_all;
use spin_sdk::http::{FullBody, Request, body::IncomingBodyExt, send};
use spin_sdk::wasip3;
use std::fmt::Display;
use std::io::Read;

struct Spin;

wasip3::cli::command::export!(Spin);

impl wasip3::exports::cli::run::Guest for Spin {
    async fn run() -> Result<(), ()> {
        let ask = Ask::from_args().without(&[What::Callbacks, What::KeepInTurn]);
        let mut tally = Tally::start();
        let fetches = (0..ask.count).map(|_| fetch(&ask));
        let mut kept = Vec::new();
        for outcome in join_all(fetches).await {
            tally.count(outcome.as_ref().map(|(status, body)| (*status, body.len())));
            if ask.what == What::Keep {
                kept.extend(outcome);
            }
        }
        tally.print();
        Ok(())
    }
}

/// It follows no redirects and inflates nothing: whoever needs that writes this.
async fn fetch(ask: &Ask) -> Result<(u16, Vec<u8>), String> {
    fn text(error: impl Display) -> String {
        error.to_string()
    }
    let mut url = ask.url.clone();
    for _ in 0..=REDIRECTS {
        let mut request = Request::builder().uri(&url);
        if ask.what == What::Inflate {
            request = request.header("accept-encoding", "gzip");
        }
        if ask.what == What::Upload {
            request = request.method("POST").header("content-length", ask.upload);
        }
        let body = FullBody::new(Bytes::from(vec![0; ask.upload]));
        let response = send(request.body(body).map_err(text)?)
            .await
            .map_err(text)?;
        if ask.what == What::Follow
            && let Some(location) = response.headers().get("location")
        {
            url = ask.absolute(location.to_str().map_err(text)?);
            continue;
        }
        let status = response.status().as_u16();
        let mut content = response.into_body().bytes().await.map_err(text)?.to_vec();
        if ask.what == What::Inflate {
            let mut inflated = Vec::new();
            let mut decoder = GzDecoder::new(&*content);
            decoder.read_to_end(&mut inflated).map_err(text)?;
            content = inflated;
        }
        return Ok((status, content));
    }
    Err("too many redirects".into())
}
