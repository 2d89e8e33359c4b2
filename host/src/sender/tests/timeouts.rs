//! The three timeouts of `wasi:http`.

use super::*;

#[tokio::test]
async fn the_connect_timeout_covers_the_tls_handshake() {
    let address = raw_origin(|stream, _| async move {
        let _silent = stream;
        std::future::pending().await
    })
    .await;
    assert_eq!(
        failure(&sender(), &format!("https://{address}/"), connect(SHORT)).await,
        Fault::ConnectionTimeout
    );
}

#[tokio::test]
async fn the_between_bytes_timeout_ends_a_body_that_stalls() {
    let origin = Loopback::start().await.unwrap();
    let options = RequestOptions {
        between_bytes_timeout: Some(SHORT),
        ..RequestOptions::default()
    };
    let response = sender()
        .send(get(&origin.url("/stall/body")), Some(options))
        .await
        .unwrap();
    assert!(matches!(
        read(response).await,
        Err(Error::ConnectionReadTimeout)
    ));
}

#[tokio::test]
async fn timeouts_of_zero_and_of_for_ever_end_in_errors_or_answers_and_never_in_a_panic() {
    let origin = Loopback::start().await.unwrap();
    let all = |timeout| RequestOptions {
        connect_timeout: Some(timeout),
        first_byte_timeout: Some(timeout),
        between_bytes_timeout: Some(timeout),
    };
    let fault = failure(&sender(), &origin.url("/stall"), all(Duration::ZERO)).await;
    assert!(
        matches!(
            fault,
            Fault::ConnectionTimeout | Fault::ConnectionReadTimeout
        ),
        "{fault}"
    );
    let options = RequestOptions {
        between_bytes_timeout: Some(Duration::ZERO),
        ..RequestOptions::default()
    };
    let response = sender()
        .send(get(&origin.url("/drip")), Some(options))
        .await
        .unwrap();
    assert!(matches!(
        read(response).await,
        Err(Error::ConnectionReadTimeout)
    ));
    let response = sender()
        .send(get(&origin.url("/delay/1/9")), Some(all(Duration::MAX)))
        .await
        .unwrap();
    assert_eq!(read(response).await.unwrap().len(), 9);
}
