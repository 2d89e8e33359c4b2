//! The origin of a vector on sockets: HTTP/1.1 by hand, so that it can also send what no server would.

use super::origin::{Answer, CLOSED, Piece, length};
use super::tls::{self, Handshake};
use super::witness::{Seen, latin1, to_latin1};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use urlfetch_host::Upload;

type Answers = Arc<BTreeMap<String, Vec<Answer>>>;

/// How a listener shakes hands, by its authority; those that are not here speak no TLS.
pub(super) type Handshakes = HashMap<String, (Handshake, Option<TlsAcceptor>)>;

/// A connection, encrypted or not.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {
    /// What it runs on.
    fn socket(&self) -> &TcpStream;
}

impl Wire for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Wire for TlsStream<TcpStream> {
    fn socket(&self) -> &TcpStream {
        self.get_ref().0
    }
}

type Stream = BufReader<Box<dyn Wire>>;

/// Listeners for the hosts of a vector, by name. [`play`](Self::play) makes them answer.
#[derive(Debug)]
pub(super) struct Listeners {
    bound: Vec<(String, TcpListener)>,
    /// What to write for each name: an address and a port of its own.
    pub(super) authorities: HashMap<String, String>,
}

/// Origins that answer until they are dropped.
#[derive(Debug)]
pub(super) struct Playing {
    /// What they saw.
    pub(super) record: Arc<Mutex<Vec<Seen>>>,
    _tasks: JoinSet<()>,
}

/// What an answering task needs.
#[derive(Clone)]
struct Stage {
    authority: String,
    handshake: Option<(Handshake, Option<TlsAcceptor>)>,
    answers: Answers,
    given: Arc<Mutex<HashMap<String, usize>>>,
    record: Arc<Mutex<Vec<Seen>>>,
}

impl Listeners {
    /// Takes a free port for each name.
    ///
    /// # Errors
    /// When there is none.
    pub(super) async fn bind(names: impl IntoIterator<Item = String>) -> io::Result<Self> {
        let mut listeners = Listeners {
            bound: Vec::new(),
            authorities: HashMap::new(),
        };
        for name in names {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let authority = listener.local_addr()?.to_string();
            listeners
                .authorities
                .insert(name.clone(), authority.clone());
            if name != CLOSED {
                listeners.bound.push((authority, listener));
            }
        }
        Ok(listeners)
    }

    /// Begins to answer.
    pub(super) fn play(
        self,
        answers: BTreeMap<String, Vec<Answer>>,
        handshakes: &Handshakes,
    ) -> Playing {
        let record = Arc::<Mutex<Vec<Seen>>>::default();
        let (answers, given) = (Arc::new(answers), Arc::default());
        let mut tasks = JoinSet::new();
        for (authority, listener) in self.bound {
            let stage = Stage {
                handshake: handshakes.get(&authority).cloned(),
                authority,
                answers: Arc::clone(&answers),
                given: Arc::clone(&given),
                record: Arc::clone(&record),
            };
            tasks.spawn(async move {
                let mut connections = JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    let stage = stage.clone();
                    // A client that goes away is no concern of an origin.
                    connections.spawn(async move { drop(stage.serve(stream).await) });
                }
            });
        }
        Playing {
            record,
            _tasks: tasks,
        }
    }
}

/// A request's head.
struct Head {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
}

impl Stage {
    async fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let (scheme, wire): (_, Box<dyn Wire>) = match self.handshake.clone() {
            None => ("http", Box::new(stream)),
            Some((handshake, acceptor)) => match tls::accept(handshake, acceptor, stream).await? {
                Some(stream) => ("https", Box::new(stream)),
                None => return Ok(()),
            },
        };
        let mut stream = BufReader::new(wire);
        while let Some(head) = read_head(&mut stream).await? {
            let url = format!("{scheme}://{}{}", self.authority, head.target);
            let answer = self.choose(&head.method, &url, &head.target);
            let index = self.note(&head, url);
            if !self.answer(&mut stream, &head, &answer, index).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    fn note(&self, head: &Head, url: String) -> usize {
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        record.push(Seen {
            method: head.method.clone(),
            url,
            headers: head.headers.clone(),
            body: Vec::new(),
            at: None,
            end: None,
        });
        record.len() - 1
    }

    /// The rule of `urlfetch_host::Script`.
    fn choose(&self, method: &str, url: &str, target: &str) -> Answer {
        let keys = [url, target, "*"].map(|key| [format!("{method} {key}"), key.to_owned()]);
        let found = keys
            .iter()
            .flatten()
            .find_map(|key| Some((key, self.answers.get(key)?)));
        let Some((key, answers)) = found else {
            return Answer {
                status: Some(404),
                ..Answer::default()
            };
        };
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let given = given.entry(key.clone()).or_default();
        *given += 1;
        let answer = answers.get(*given - 1).or(answers.last());
        answer.cloned().unwrap_or_default()
    }

    /// Answers one request. True when the connection can take another.
    async fn answer(
        &self,
        stream: &mut Stream,
        head: &Head,
        answer: &Answer,
        index: usize,
    ) -> io::Result<bool> {
        let sent = head
            .headers
            .iter()
            .find(|(name, _)| name == "content-length");
        let size = sent.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
        if answer.upload == Upload::First {
            self.read_upload(stream, size, index).await?;
        }
        if answer.after > 0.0 {
            tokio::time::sleep(length(answer.after)).await;
        }
        if let Some(raw) = &answer.raw {
            let bytes = to_latin1(raw).unwrap_or_default();
            stream.write_all(&bytes).await?;
            stream.flush().await?;
            match answer.reset {
                true => reset(stream)?,
                false => stream.get_mut().shutdown().await?,
            }
            return Ok(false);
        }
        if answer.reset {
            reset(stream)?;
        }
        if answer.close || answer.reset {
            return Ok(false);
        }
        if answer.silent {
            return std::future::pending().await;
        }
        let bodiless = head.method == "HEAD" || matches!(answer.status(), 100..=199 | 204 | 304);
        let lines = answer.lines();
        let sized = lines.iter().any(|(name, _)| name == "content-length");
        let mut out = format!("HTTP/1.1 {} \r\n", answer.status()).into_bytes();
        for (name, value) in &lines {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend(to_latin1(value).unwrap_or_default());
            out.extend_from_slice(b"\r\n");
        }
        let chunked = !sized && !bodiless;
        if chunked {
            out.extend_from_slice(b"transfer-encoding: chunked\r\n");
        }
        out.extend_from_slice(b"\r\n");
        stream.write_all(&out).await?;
        if !bodiless {
            for piece in &answer.body.0 {
                if !send_piece(stream, piece, chunked).await? {
                    return Ok(false);
                }
            }
            if chunked {
                stream.write_all(b"0\r\n\r\n").await?;
            }
        }
        stream.flush().await?;
        match answer.upload {
            Upload::First => {}
            Upload::Meanwhile => self.read_upload(stream, size, index).await?,
            // Held, and unread.
            Upload::Never if size > 0 => return std::future::pending().await,
            Upload::Never => {}
        }
        Ok(true)
    }

    async fn read_upload(&self, stream: &mut Stream, size: usize, index: usize) -> io::Result<()> {
        let mut body = vec![0; size];
        stream.read_exact(&mut body).await?;
        self.record.lock().unwrap_or_else(PoisonError::into_inner)[index].body = body;
        Ok(())
    }
}

/// Has the connection end by a reset instead of an end, as soon as it is dropped.
fn reset(stream: &Stream) -> io::Result<()> {
    stream.get_ref().socket().set_zero_linger()
}

/// False when the connection is to end here.
async fn send_piece(stream: &mut Stream, piece: &Piece, chunked: bool) -> io::Result<bool> {
    match piece {
        Piece::Pause(seconds) => tokio::time::sleep(length(*seconds)).await,
        Piece::Drip(seconds) => loop {
            tokio::time::sleep(length(*seconds)).await;
            send(stream, b".", chunked).await?;
        },
        Piece::Stall => return std::future::pending().await,
        // The failure is not to overtake what was sent before it.
        Piece::Close | Piece::Fail(_) => {
            tokio::time::sleep(length(0.02)).await;
            return Ok(false);
        }
        // As above. One that comes sooner may be met by a client that is still writing, before it has looked at what was sent.
        Piece::Reset => {
            tokio::time::sleep(length(0.02)).await;
            reset(stream)?;
            return Ok(false);
        }
        Piece::Zeros(count) => {
            let zeros = vec![0; 64 * 1024];
            let mut left = usize::try_from(*count).unwrap_or(usize::MAX);
            while left > 0 {
                let size = left.min(zeros.len());
                send(stream, &zeros[..size], chunked).await?;
                left -= size;
            }
        }
        bytes => send(stream, &bytes.bytes().unwrap_or_default(), chunked).await?,
    }
    Ok(true)
}

async fn send(stream: &mut Stream, bytes: &[u8], chunked: bool) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    if chunked {
        let head = format!("{:x}\r\n", bytes.len());
        stream.write_all(head.as_bytes()).await?;
    }
    stream.write_all(bytes).await?;
    if chunked {
        stream.write_all(b"\r\n").await?;
    }
    stream.flush().await
}

/// None when the client has closed.
async fn read_head(stream: &mut Stream) -> io::Result<Option<Head>> {
    let mut line = Vec::new();
    if stream.read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    let first = latin1(&line);
    let mut words = first.split_ascii_whitespace().map(str::to_owned);
    let mut head = Head {
        method: words.next().unwrap_or_default(),
        target: words.next().unwrap_or_default(),
        headers: Vec::new(),
    };
    loop {
        line.clear();
        stream.read_until(b'\n', &mut line).await?;
        let text = latin1(&line);
        let Some((name, value)) = text.trim_end().split_once(':') else {
            return Ok(Some(head));
        };
        head.headers
            .push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}
