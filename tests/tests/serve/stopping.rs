//! The end of a server: what was accepted is answered, and what takes too long is told.

use super::client::hear;
use super::{RequestOutcome, Served, Serving, on_sockets};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use urlfetch_host::Loopback;

async fn connected(served: &Served) -> TcpStream {
    TcpStream::connect(served.address).await.unwrap()
}

async fn live(served: &Served, count: usize) {
    while served.journal.live().len() < count {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_request_in_flight_and_one_that_waits_in_the_kernel_are_answered_after_the_word_to_stop() {
    on_sockets(|| async {
        let origin = Loopback::start().await.unwrap();
        let served = Served::ordinary().await;
        let target = origin.url("/delay/500/1");
        let target = target.strip_prefix("http://").unwrap();
        let mut slow = connected(&served).await;
        slow.write_all(format!("GET /fetch?{target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes())
            .await
            .unwrap();
        live(&served, 1).await;
        // This runtime has one thread: the server cannot accept before it is let.
        let mut late = std::net::TcpStream::connect(served.address).unwrap();
        std::io::Write::write_all(&mut late, b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        late.set_nonblocking(true).unwrap();
        let late = TcpStream::from_std(late).unwrap();
        let address = served.address;
        let stopping = tokio::spawn(served.stop());
        let (slow, late) = tokio::join!(hear(slow), hear(late));
        assert_eq!((slow.status, slow.text()), (200, "Ok((200, 1))\n"));
        assert_eq!((late.status, late.text()), (200, "hello\n"));
        assert!(slow.head.contains("connection: close\r\n"), "{}", slow.head);
        assert_eq!(stopping.await.unwrap().cut_off, 0);
        assert!(
            TcpStream::connect(address).await.is_err(),
            "it listens still"
        );
    });
}

#[test]
fn a_request_that_does_not_end_is_cut_off_and_told() {
    on_sockets(|| async {
        let mut serving = Serving::ordinary();
        serving.options.drain = Duration::from_millis(50);
        let served = serving.start().await;
        let mut stalled = connected(&served).await;
        stalled
            .write_all(b"GET /stall HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        live(&served, 1).await;
        let journal = served.journal.clone();
        let stopping = tokio::spawn(served.stop());
        assert_eq!(hear(stalled).await.status, 503);
        assert_eq!(stopping.await.unwrap().cut_off, 1);
        assert_eq!(
            journal.ended()[0].answer().outcome,
            Some(RequestOutcome::CutOff)
        );
    });
}
