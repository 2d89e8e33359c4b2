//! Which code means which failure.

use super::*;

#[tokio::test]
async fn failures_are_told_apart() {
    let origin = Loopback::start().await.unwrap();
    let sender = sender();
    let none = RequestOptions::default();
    assert_eq!(
        failure(&sender, &origin.url("/close"), none).await,
        Fault::ConnectionTerminated
    );

    let response = sender
        .send(get(&origin.url("/cut/100000")), None)
        .await
        .unwrap();
    assert!(matches!(
        read(response).await,
        Err(Error::HttpResponseIncomplete)
    ));

    let gone = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    assert_eq!(
        failure(&sender, &format!("http://{gone}/"), none).await,
        Fault::ConnectionRefused
    );

    // A label of more than 63 bytes fails before anything is asked of a name server.
    let name = "x".repeat(64);
    assert!(matches!(
        failure(&sender, &format!("http://{name}.invalid/"), none).await,
        Fault::DnsError { .. }
    ));
}

#[tokio::test]
async fn where_no_route_leads_is_told_from_where_nobody_listens() {
    // No connection can be made to many at once: the kernel refuses before anything leaves the machine.
    for many in ["255.255.255.255", "224.0.0.1"] {
        let url = format!("http://{many}:8080/");
        assert_eq!(
            failure(&sender(), &url, RequestOptions::default()).await,
            Fault::DestinationIpUnroutable,
            "{many}"
        );
    }
}

#[tokio::test]
async fn a_reset_is_told_by_how_far_the_exchange_had_come() {
    let resets = async |bytes: &'static [u8]| {
        let address = raw_origin(move |mut stream, _| async move {
            if read_head(&mut stream).await {
                let _ = stream.write_all(bytes).await;
                let _ = stream.set_zero_linger();
            }
        })
        .await;
        format!("http://{address}/")
    };
    let none = RequestOptions::default();
    for bytes in [b"".as_slice(), b"HTTP/1.1 200 OK\r\ncontent-le"] {
        assert_eq!(
            failure(&sender(), &resets(bytes).await, none).await,
            Fault::ConnectionTerminated
        );
    }
    for bytes in [
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello".as_slice(),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
    ] {
        let response = sender().send(get(&resets(bytes).await), None).await;
        assert!(matches!(
            read(response.unwrap()).await,
            Err(Error::HttpResponseIncomplete)
        ));
    }
}

async fn answering(bytes: &'static [u8]) -> SocketAddr {
    raw_origin(move |mut stream, _| async move {
        if read_head(&mut stream).await {
            let _ = stream.write_all(bytes).await;
        }
    })
    .await
}

#[tokio::test]
async fn what_is_not_http_is_a_protocol_error() {
    let none = RequestOptions::default();
    let garbage = answering(b"SSH-2.0-OpenSSH_9.9\r\n\r\n").await;
    assert_eq!(
        failure(&sender(), &format!("http://{garbage}/"), none).await,
        Fault::HttpProtocolError
    );
    let chunks =
        answering(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nno chunk\r\n").await;
    let response = sender()
        .send(get(&format!("http://{chunks}/")), None)
        .await
        .unwrap();
    assert!(matches!(
        read(response).await,
        Err(Error::HttpProtocolError)
    ));
}

#[tokio::test]
async fn a_chunked_body_that_just_ends_is_incomplete() {
    let address = answering(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel").await;
    let response = sender()
        .send(get(&format!("http://{address}/")), None)
        .await
        .unwrap();
    assert!(matches!(
        read(response).await,
        Err(Error::HttpResponseIncomplete)
    ));
}

#[tokio::test]
async fn nine_hundred_headers_are_an_answer_and_an_endless_head_is_an_error() {
    let address = raw_origin(|mut stream, number| async move {
        if !read_head(&mut stream).await {
            return;
        }
        let mut head = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n".to_vec();
        let lines = if number == 0 { 900 } else { 900_000 };
        for line in 0..lines {
            head.extend_from_slice(format!("x-{line}: y\r\n").as_bytes());
        }
        head.extend_from_slice(b"\r\n");
        let _ = stream.write_all(&head).await;
    })
    .await;
    let url = format!("http://{address}/");
    let response = Sender::new(SenderOptions::default())
        .unwrap()
        .send(get(&url), None)
        .await
        .unwrap();
    assert_eq!(response.headers().len(), 901);
    assert_eq!(
        failure(&sender(), &url, RequestOptions::default()).await,
        Fault::HttpResponseHeaderSectionSize
    );
}

#[tokio::test]
async fn an_upload_that_fails_keeps_its_own_code_and_its_connection_is_not_used_again() {
    let origin = Loopback::start().await.unwrap();
    let sender = sender();
    for (failure, fault) in [
        (
            Error::HttpRequestBodySize(Some(3)),
            Fault::HttpRequestBodySize(Some(3)),
        ),
        (Error::HttpProtocolError, Fault::HttpProtocolError),
    ] {
        let frames = [Ok(http_body::Frame::data(Bytes::from("abc"))), Err(failure)];
        let body = StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync();
        let request = http::Request::post(origin.url("/echo")).body(body).unwrap();
        assert_eq!(sender.send(request, None).await.map(|_| ()), Err(fault));
    }
    assert_eq!(
        fetch(&sender, get(&origin.url("/bytes/1")))
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(origin.connections(), 3);
}
