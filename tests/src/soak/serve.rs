//! One connection of the origin: reads requests, and does with each what its URL says.

use std::{
    io::{self, Write as _},
    sync::atomic::Ordering,
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use super::{Act, Plan, origin::Counts};

/// The longest head that a client of ours sends, several times over.
const HEAD: usize = 16 << 10;
/// What a silent connection waits for: that the other side closes it.
const ONE: usize = 1;

/// What becomes of a connection after an answer.
enum After {
    Next,
    Close,
    Reset,
    /// It stays open, and says nothing more.
    Silence,
}

/// Serves a connection until it ends.
pub(super) async fn serve(stream: TcpStream, counts: &Counts) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut out = Vec::new();
    while let Some(head) = read_head(&mut stream).await? {
        counts.requests.fetch_add(1, Ordering::Relaxed);
        let mut upload = vec![0; length(&head)];
        stream.read_exact(&mut upload).await?;
        let mut words = head.split(' ');
        let (method, path) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        out.clear();
        let after = match Plan::parse(path) {
            Some(plan) => answer(&plan, method, &upload, &mut stream, &mut out).await?,
            None => {
                out.extend_from_slice(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
                After::Next
            }
        };
        stream.get_mut().write_all(&out).await?;
        match after {
            After::Next => {}
            After::Close => return stream.get_mut().shutdown().await,
            After::Reset => return stream.get_ref().set_zero_linger(),
            After::Silence => {
                let mut more = [0; ONE];
                let _ = stream.read(&mut more).await?;
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Reads a request's head; none when the connection ends before one.
async fn read_head(stream: &mut BufReader<TcpStream>) -> io::Result<Option<String>> {
    let mut head = Vec::with_capacity(512);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        if head.len() > HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    Ok(Some(String::from_utf8_lossy(&head).into_owned()))
}

fn length(head: &str) -> usize {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    lengths
        .next()
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0)
}

/// Writes an answer to `out`, what has to be on its way before a pause to the stream, and says how it goes on.
async fn answer(
    plan: &Plan,
    method: &str,
    upload: &[u8],
    stream: &mut BufReader<TcpStream>,
    out: &mut Vec<u8>,
) -> io::Result<After> {
    let content = plan.content();
    if plan.redirects > 0 {
        let next = Plan {
            redirects: plan.redirects - 1,
            ..*plan
        };
        // An upload is asked for again by 307 only.
        let status = if method == "POST" {
            307
        } else {
            [301, 302, 303, 307][content.len() % 4]
        };
        redirect(out, status, &next.path());
        return Ok(After::Next);
    }
    match plan.act {
        Act::Sized | Act::Large | Act::Refused => sized(out, 200, content),
        Act::Missing => sized(out, 404, content),
        Act::Broken => sized(out, 503, content),
        Act::Nothing => out.extend_from_slice(b"HTTP/1.1 204 No Content\r\n\r\n"),
        Act::Echo => sized(out, if upload == content { 200 } else { 500 }, upload),
        Act::Chunked => {
            out.extend_from_slice(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
            chunks(out, content, plan.offset)?;
            out.extend_from_slice(b"0\r\n\r\n");
        }
        Act::Unsized => {
            out.extend_from_slice(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
            out.extend_from_slice(content);
            return Ok(After::Close);
        }
        Act::Gzip => gzipped(out, content, false)?,
        Act::BadGzip => gzipped(out, content, true)?,
        Act::Late => {
            tokio::time::sleep(Duration::from_millis(u64::from(plan.offset) % 30)).await;
            sized(out, 200, content);
        }
        Act::Pieces => {
            let mut first = Vec::new();
            sized(&mut first, 200, content);
            let (first, last) = first.split_at(first.len() - 1);
            stream.get_mut().write_all(first).await?;
            tokio::time::sleep(Duration::from_millis(u64::from(plan.offset) % 10)).await;
            out.extend_from_slice(last);
        }
        Act::Hint => {
            out.extend_from_slice(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
            sized(out, 200, content);
        }
        Act::Loop => redirect(out, 302, &plan.path()),
        Act::Nowhere => out.extend_from_slice(b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n"),
        Act::Elsewhere => redirect(out, 302, "ftp://127.0.0.1/"),
        Act::Closed => return Ok(After::Close),
        Act::Reset => return Ok(After::Reset),
        Act::CutHead => {
            out.extend_from_slice(b"HTTP/1.1 200 OK\r\ncontent-le");
            return Ok(After::Close);
        }
        Act::Garbage => {
            out.extend_from_slice(b"NO HTTP AT ALL\r\n\r\n");
            return Ok(After::Close);
        }
        Act::Short => {
            write!(
                out,
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
                content.len() + 1
            )?;
            out.extend_from_slice(content);
            return Ok(After::Close);
        }
        Act::ShortChunks => {
            out.extend_from_slice(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
            chunks(out, content, plan.offset)?;
            return Ok(After::Close);
        }
        Act::ResetBody => {
            half(out, content)?;
            return Ok(After::Reset);
        }
        Act::BadChunk => {
            out.extend_from_slice(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
            chunks(out, content, plan.offset)?;
            out.extend_from_slice(b"size\r\n");
            return Ok(After::Close);
        }
        Act::StallBody => {
            half(out, content)?;
            return Ok(After::Silence);
        }
        Act::Stall | Act::Cancelled | Act::Dropped => return Ok(After::Silence),
    }
    Ok(After::Next)
}

fn redirect(out: &mut Vec<u8>, status: u16, location: &str) {
    let head =
        format!("HTTP/1.1 {status} Redirect\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
    out.extend_from_slice(head.as_bytes());
}

fn sized(out: &mut Vec<u8>, status: u16, content: &[u8]) {
    let head = format!(
        "HTTP/1.1 {status} Status\r\ncontent-length: {}\r\n\r\n",
        content.len()
    );
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(content);
}

/// Promises everything and sends half of it.
fn half(out: &mut Vec<u8>, content: &[u8]) -> io::Result<()> {
    write!(
        out,
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
        content.len()
    )?;
    out.extend_from_slice(&content[..content.len() / 2]);
    Ok(())
}

/// Chunks of sizes that differ, without the last, empty one.
fn chunks(out: &mut Vec<u8>, mut content: &[u8], seed: u32) -> io::Result<()> {
    let mut size = 1 + seed as usize % 700;
    while !content.is_empty() {
        let (chunk, rest) = content.split_at(size.min(content.len()));
        write!(out, "{:x}\r\n", chunk.len())?;
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
        content = rest;
        size = 1 + size * 7 % 1_999;
    }
    Ok(())
}

fn gzipped(out: &mut Vec<u8>, content: &[u8], spoil: bool) -> io::Result<()> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content)?;
    let mut body = encoder.finish()?;
    if spoil {
        // The checksum begins eight bytes before the end.
        let sum = body.len() - 8;
        body[sum] ^= 1;
    }
    write!(
        out,
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )?;
    out.extend_from_slice(&body);
    Ok(())
}
