//! TLS, the roots, and h2.

use super::*;

#[tokio::test]
async fn an_extra_root_is_trusted_and_h2_is_spoken_where_it_is_offered() {
    let tls = tls_origin().await;
    let sender = Sender::new(SenderOptions {
        extra_roots_pem: tls.root_pem.clone(),
        ..SenderOptions::default()
    })
    .unwrap();
    let echoed = fetch(&sender, get(&tls.origin.url("/echo"))).await.unwrap();
    let echoed: serde_json::Value = serde_json::from_slice(&echoed).unwrap();
    assert_eq!(echoed["version"], "HTTP/2.0");
    for _ in 0..5 {
        assert_eq!(
            fetch(&sender, get(&tls.origin.url("/bytes/100000")))
                .await
                .unwrap()
                .len(),
            100_000
        );
    }
    assert_eq!(tls.origin.connections(), 1);
}

#[tokio::test]
async fn h2_failures_are_told_apart_as_well() {
    let tls = tls_origin().await;
    let sender = Sender::new(SenderOptions {
        extra_roots_pem: tls.root_pem.clone(),
        ..SenderOptions::default()
    })
    .unwrap();
    let fault = failure(&sender, &tls.origin.url("/stall"), first_byte(SHORT)).await;
    assert_eq!(fault, Fault::ConnectionReadTimeout);
    let fault = failure(
        &sender,
        &tls.origin.url("/close"),
        RequestOptions::default(),
    )
    .await;
    assert_eq!(fault, Fault::ConnectionTerminated);
    let response = sender
        .send(get(&tls.origin.url("/cut/10")), None)
        .await
        .unwrap();
    assert!(matches!(
        read(response).await,
        Err(Error::HttpResponseIncomplete)
    ));
}

#[tokio::test]
async fn a_certificate_that_does_not_hold_is_told_from_tls_that_fails() {
    let tls = tls_origin().await;
    let none = RequestOptions::default();
    assert_eq!(
        failure(&sender(), &tls.origin.url("/bytes/1"), none).await,
        Fault::TlsCertificateError
    );

    let trusting = Sender::new(SenderOptions {
        extra_roots_pem: tls.root_pem.clone(),
        ..SenderOptions::default()
    })
    .unwrap();
    let by_address = format!("https://{}/", tls.origin.address());
    assert_eq!(
        failure(&trusting, &by_address, none).await,
        Fault::TlsCertificateError
    );

    let plain = raw_origin(move |mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        // Read on: a reset would discard what was written.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    assert_eq!(
        failure(&sender(), &format!("https://{plain}/"), none).await,
        Fault::TlsProtocolError
    );
}

/// A record of TLS: a fatal alert, handshake_failure.
const ALERT: &[u8] = &[0x15, 3, 3, 0, 2, 2, 40];

/// The hello is read, and these bytes are the answer.
async fn hello_answered_by(bytes: &'static [u8]) -> String {
    let address = raw_origin(move |mut stream, _| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(bytes).await;
    })
    .await;
    format!("https://{address}/")
}

#[tokio::test]
async fn an_alert_is_told_from_an_end_and_from_what_is_no_tls() {
    let none = RequestOptions::default();
    assert_eq!(
        failure(&sender(), &hello_answered_by(ALERT).await, none).await,
        Fault::TlsAlertReceived {
            id: Some(40),
            message: Some("HandshakeFailure".to_owned())
        }
    );
    assert_eq!(
        failure(&sender(), &hello_answered_by(b"").await, none).await,
        Fault::ConnectionTerminated
    );
    let garbage = b"\x16\x03\x03\x00\x05hello";
    assert_eq!(
        failure(&sender(), &hello_answered_by(garbage).await, none).await,
        Fault::TlsProtocolError
    );
}
