//! What is reused, what is not, and how many may go at once.

use super::*;

#[tokio::test]
async fn a_connection_whose_body_was_read_is_used_again() {
    let origin = Loopback::start().await.unwrap();
    let sender = sender();
    for _ in 0..5 {
        assert_eq!(
            fetch(&sender, get(&origin.url("/bytes/1024")))
                .await
                .unwrap()
                .len(),
            1024
        );
    }
    assert_eq!((origin.requests(), origin.connections()), (5, 1));
}

#[tokio::test]
async fn a_half_read_connection_never_returns_to_the_pool() {
    let origin = Loopback::start().await.unwrap();
    let sender = sender();
    let mut response = sender.send(get(&origin.url("/drip")), None).await.unwrap();
    drop(response);
    response = sender
        .send(get(&origin.url("/bytes/100000000")), None)
        .await
        .unwrap();
    response.body_mut().frame().await.unwrap().unwrap();
    drop(response);
    assert_eq!(
        fetch(&sender, get(&origin.url("/redirect/0")))
            .await
            .unwrap(),
        "arrived\n"
    );
    assert_eq!(origin.connections(), 3);
}

#[tokio::test]
async fn an_exchange_dropped_before_its_head_leaves_no_connection_behind() {
    let origin = Loopback::start().await.unwrap();
    let sender = sender();
    assert_eq!(
        fetch(&sender, get(&origin.url("/bytes/1")))
            .await
            .unwrap()
            .len(),
        1
    );
    let fault = failure(&sender, &origin.url("/stall"), first_byte(SHORT)).await;
    assert_eq!(fault, Fault::ConnectionReadTimeout);
    assert_eq!(
        fetch(&sender, get(&origin.url("/bytes/1")))
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(origin.connections(), 2);
}

#[tokio::test]
async fn a_thousand_at_once_all_arrive() {
    raise_fd_limit(2_200).unwrap();
    let origin = Loopback::start().await.unwrap();
    let sender = sender();
    let url = origin.url("/delay/20/1024");
    let fetches = (0..1_000).map(|_| fetch(&sender, get(&url)));
    let bodies = futures_util::future::join_all(fetches).await;
    assert!(bodies.into_iter().all(|body| body.unwrap().len() == 1024));
}

#[tokio::test]
async fn an_upload_arrives_whole_with_a_host_header() {
    let origin = Loopback::start().await.unwrap();
    let body = "x".repeat(1 << 20);
    let echoed = fetch(&sender(), post(&origin.url("/echo?q"), body.clone()))
        .await
        .unwrap();
    let echoed: serde_json::Value = serde_json::from_slice(&echoed).unwrap();
    assert_eq!(echoed["method"], "POST");
    assert_eq!(echoed["uri"], "/echo?q");
    assert_eq!(echoed["body"], body);
    let host = serde_json::json!(["host", origin.address().to_string()]);
    assert!(echoed["headers"].as_array().unwrap().contains(&host));
}

#[tokio::test]
async fn a_reused_connection_that_the_origin_closed_is_replaced_and_the_upload_kept() {
    let address = raw_origin(|mut stream, _| async move {
        // One answer per connection, which promises to stay and does not.
        if read_head(&mut stream).await {
            let mut body = [0; 5];
            let _ = stream.read_exact(&mut body).await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")
                .await;
            let _ = stream.write_all(&body).await;
        }
    })
    .await;
    let sender = sender();
    for _ in 0..20 {
        assert_eq!(
            fetch(&sender, post(&format!("http://{address}/"), "hello"))
                .await
                .unwrap(),
            "hello"
        );
    }
}

#[tokio::test]
async fn a_request_that_was_sent_is_never_sent_twice() {
    let (arrived, mut arrivals) = tokio::sync::mpsc::unbounded_channel();
    let address = raw_origin(move |mut stream, number| {
        let arrived = arrived.clone();
        async move {
            // The first request is answered, the second one is read and the connection closed.
            for turn in 0..2 {
                if !read_head(&mut stream).await {
                    return;
                }
                arrived.send((number, turn)).unwrap();
                if turn == 0 {
                    let _ = stream
                        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                        .await;
                }
            }
        }
    })
    .await;
    let sender = sender();
    let url = format!("http://{address}/");
    assert_eq!(fetch(&sender, get(&url)).await.unwrap(), "");
    let fault = fetch(&sender, get(&url)).await.unwrap_err().unwrap();
    assert_eq!(fault, Fault::ConnectionTerminated);
    assert_eq!(
        (arrivals.recv().await, arrivals.recv().await),
        (Some((0, 0)), Some((0, 1)))
    );
    assert!(arrivals.try_recv().is_err());
}

#[tokio::test]
async fn an_exchange_holds_its_place_until_its_body_is_gone() {
    let origin = Loopback::start().await.unwrap();
    let sender = Sender::new(SenderOptions {
        max_connections: Some(1),
        ..SenderOptions::default()
    })
    .unwrap();
    let unread = sender
        .send(get(&origin.url("/bytes/1")), None)
        .await
        .unwrap();
    assert_eq!(
        failure(&sender, &origin.url("/bytes/1"), connect(SHORT)).await,
        Fault::ConnectionTimeout
    );
    drop(unread);
    assert_eq!(
        fetch(&sender, get(&origin.url("/bytes/1")))
            .await
            .unwrap()
            .len(),
        1
    );
    // An empty body is nobody's to read.
    let _empty = sender
        .send(get(&origin.url("/status/204")), None)
        .await
        .unwrap();
    assert_eq!(
        fetch(&sender, get(&origin.url("/bytes/1")))
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_name_is_judged_by_the_addresses_it_resolves_to() {
    let origin = Loopback::start().await.unwrap();
    let url = format!("http://localhost:{}/bytes/1", origin.address().port());
    let none = RequestOptions::default();
    let public = Sender::new(SenderOptions {
        egress: EgressPolicy::public_only(),
        ..SenderOptions::default()
    })
    .unwrap();
    assert_eq!(
        failure(&public, &url, none).await,
        Fault::DestinationIpProhibited
    );
    assert_eq!(
        failure(&public, &origin.url("/bytes/1"), none).await,
        Fault::DestinationIpProhibited
    );
    assert_eq!(origin.connections(), 0);
    assert_eq!(fetch(&sender(), get(&url)).await.unwrap().len(), 1);
}
