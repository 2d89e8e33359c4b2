//! One deadline over queueing, every hop and the body: exact under virtual time, and there at all over real sockets.

use std::time::Duration;
use tokio::time::Instant;
use urlfetch_host::bindings::types::{ErrorKind, Phase};
use urlfetch_host::{Loopback, Outcome, Reply, Scripted, Step, run_in_virtual_time};
use urlfetch_tests::{Client, Instance, on_sockets, request};

const URL: &str = "http://a.test/";

fn seconds(length: u64) -> Duration {
    Duration::from_secs(length)
}

/// Fetches until the deadline, and says where the call was when it came.
async fn expired(
    instance: &mut Instance,
    client: Client,
    deadline: Option<f64>,
) -> (Phase, Duration) {
    let start = Instant::now();
    let failed = instance.fetch(client, &request("GET", URL), deadline).await;
    let error = failed.expect_err("it does not end by itself");
    assert_eq!(
        (error.kind, error.url.as_str()),
        (ErrorKind::DeadlineExceeded, URL)
    );
    (error.phase, start.elapsed())
}

/// To the tick of the clock, which is a millisecond.
#[track_caller]
fn assert_exact(elapsed: Duration, deadline: Duration) {
    let late = elapsed.checked_sub(deadline);
    assert!(
        late.is_some_and(|late| late <= Duration::from_millis(1)),
        "{elapsed:?} for {deadline:?}"
    );
}

#[test]
fn a_drip_ends_at_its_deadline_to_the_millisecond() {
    run_in_virtual_time(async {
        let origin = Scripted::new().on("*", Reply::default().then(Step::Drip(1_000)));
        let mut instance = Instance::scripted(&origin).await;
        let client = instance.client().await;
        for deadline in [0.25, 2.5, 30.0] {
            let (phase, elapsed) = expired(&mut instance, client, Some(deadline)).await;
            assert_eq!(phase, Phase::Body);
            assert_exact(elapsed, Duration::from_secs_f64(deadline));
        }
        let dropped = |outcome| matches!(outcome, Outcome::Dropped { head: true, .. });
        assert!(
            origin
                .requests()
                .into_iter()
                .all(|request| dropped(request.outcome))
        );
    });
}

#[test]
fn a_drip_over_real_sockets_ends_although_its_body_never_does() {
    on_sockets(|| async {
        let origin = Loopback::start().await.unwrap();
        let mut instance = Instance::pooled().await;
        let client = instance.client().await;
        let start = Instant::now();
        let url = origin.url("/drip");
        let error = instance
            .fetch(client, &request("GET", &url), Some(1.5))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.phase),
            (ErrorKind::DeadlineExceeded, Phase::Body)
        );
        assert!(start.elapsed() >= Duration::from_millis(1_500));
    });
}

#[test]
fn without_a_deadline_it_is_5_seconds() {
    run_in_virtual_time(async {
        let mut instance = Instance::scripted(&Scripted::new().on("*", Reply::silence())).await;
        let client = instance.client().await;
        let (phase, elapsed) = expired(&mut instance, client, None).await;
        assert_eq!(phase, Phase::Request, "a stall before the head");
        assert_exact(elapsed, seconds(5));
    });
}

#[test]
fn the_clients_default_is_taken_at_creation() {
    run_in_virtual_time(async {
        let mut instance = Instance::scripted(&Scripted::new().on("*", Reply::silence())).await;
        let client = instance.client().await;
        instance
            .set_default_deadline(client, Some(8.0))
            .await
            .unwrap();
        let rpc = instance.rpc(client, None).await;
        instance
            .set_default_deadline(client, Some(1.0))
            .await
            .unwrap();
        let start = Instant::now();
        instance.start(rpc, &request("GET", URL)).await.unwrap();
        instance.wait(rpc).await.unwrap();
        assert_exact(start.elapsed(), seconds(8));
    });
}

#[test]
fn a_deadline_counts_from_make_fetch_call_and_not_from_creation() {
    run_in_virtual_time(async {
        let mut instance = Instance::scripted(&Scripted::new().on("*", Reply::silence())).await;
        let client = instance.client().await;
        let rpc = instance.rpc(client, Some(2.0)).await;
        tokio::time::sleep(seconds(10)).await;
        let start = Instant::now();
        instance.start(rpc, &request("GET", URL)).await.unwrap();
        instance.wait(rpc).await.unwrap();
        assert_exact(start.elapsed(), seconds(2));
    });
}

#[test]
fn a_longer_deadline_than_60_seconds_is_60_seconds() {
    run_in_virtual_time(async {
        let mut instance = Instance::scripted(&Scripted::new().on("*", Reply::silence())).await;
        let client = instance.client().await;
        for deadline in [60.5, 3_600.0, 1e300] {
            let (_, elapsed) = expired(&mut instance, client, Some(deadline)).await;
            assert_exact(elapsed, seconds(60));
        }
    });
}

#[test]
fn the_maximum_of_a_client_may_be_shorter_and_longer() {
    run_in_virtual_time(async {
        let mut instance = Instance::scripted(&Scripted::new().on("*", Reply::silence())).await;
        let client = instance.client().await;
        for maximum in [2, 600] {
            instance
                .set_maximum_deadline(client, maximum as f64)
                .await
                .unwrap();
            let (_, elapsed) = expired(&mut instance, client, Some(3_600.0)).await;
            assert_exact(elapsed, seconds(maximum));
        }
    });
}

#[test]
fn redirects_share_one_deadline() {
    run_in_virtual_time(async {
        let origin = Scripted::new().on("*", Reply::redirect(302, URL).after(seconds(2)));
        let mut instance = Instance::scripted(&origin).await;
        let client = instance.client().await;
        let (_, elapsed) = expired(&mut instance, client, Some(5.0)).await;
        assert_exact(elapsed, seconds(5));
        let arrived: Vec<_> = origin
            .requests()
            .iter()
            .map(|request| request.at.as_secs())
            .collect();
        assert_eq!(arrived, [0, 2, 4]);
    });
}

#[test]
fn the_host_is_told_what_is_left_and_never_nothing() {
    run_in_virtual_time(async {
        let origin = Scripted::new()
            .on("/", Reply::redirect(302, "/next").after(seconds(2)))
            .on("/next", Reply::silence());
        let mut instance = Instance::scripted(&origin).await;
        let client = instance.client().await;
        let failed = instance
            .fetch(client, &request("GET", URL), Some(5.0))
            .await;
        assert_eq!(failed.unwrap_err().kind, ErrorKind::DeadlineExceeded);
        let told: Vec<_> = origin
            .requests()
            .iter()
            .map(|request| request.options.unwrap())
            .collect();
        for (options, left) in told.iter().zip([5, 3]) {
            for timeout in [
                options.connect_timeout,
                options.first_byte_timeout,
                options.between_bytes_timeout,
            ] {
                let timeout = timeout.expect("each of the three is set");
                assert!(
                    timeout > seconds(left - 1) && timeout <= seconds(left + 1),
                    "{timeout:?} of {left} s"
                );
            }
        }
    });
}

#[test]
fn a_body_that_stalls_ends_at_the_deadline() {
    run_in_virtual_time(async {
        let stalls = Reply::default()
            .then(Step::Text("begun".into()))
            .then(Step::Stall);
        let mut instance = Instance::scripted(&Scripted::new().on("*", stalls)).await;
        let client = instance.client().await;
        let rpc = instance.get(client, URL, Some(3.0)).await;
        let start = Instant::now();
        let error = instance.result(rpc).await.unwrap_err();
        assert_eq!(
            (error.kind, error.phase),
            (ErrorKind::DeadlineExceeded, Phase::Body)
        );
        assert_exact(start.elapsed(), seconds(3));
        assert_eq!(instance.received(rpc).await, 5);
    });
}

#[test]
fn an_upload_that_nobody_reads_ends_at_the_deadline() {
    run_in_virtual_time(async {
        let never = Reply::silence().upload(urlfetch_host::Upload::Never);
        let mut instance = Instance::scripted(&Scripted::new().on("*", never)).await;
        let client = instance.client().await;
        let mut upload = request("POST", URL);
        upload.payload = Some(vec![b'x'; 5 << 20]);
        let start = Instant::now();
        let error = instance
            .fetch(client, &upload, Some(4.0))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.phase),
            (ErrorKind::DeadlineExceeded, Phase::Request)
        );
        assert_exact(start.elapsed(), seconds(4));
    });
}

#[test]
fn waiting_in_the_queue_counts() {
    run_in_virtual_time(async {
        let origin = Scripted::new().on("*", Reply::silence());
        let mut instance = Instance::scripted(&origin).await;
        let client = instance.client().await;
        instance.set_max_in_flight(client, 1).await.unwrap();
        let start = Instant::now();
        let first = instance.get(client, URL, Some(30.0)).await;
        let queued = instance.get(client, URL, Some(2.0)).await;
        let error = instance.result(queued).await.unwrap_err();
        assert_eq!(
            (error.kind, error.phase),
            (ErrorKind::DeadlineExceeded, Phase::Queued)
        );
        assert!(error.retryable, "it was certainly not acted on");
        assert_exact(start.elapsed(), seconds(2));
        assert_eq!(origin.requests().len(), 1);
        assert!(instance.cancel(first).await);
    });
}

#[test]
fn an_answer_that_was_there_in_time_is_a_success_however_late_it_is_collected() {
    run_in_virtual_time(async {
        let origin = Scripted::new()
            .on("/small", Reply::ok("in time").after(seconds(1)))
            .on(
                "/large",
                Reply::default()
                    .after(seconds(1))
                    .then(Step::Zeros(3 << 20)),
            );
        let mut instance = Instance::scripted(&origin).await;
        let client = instance.client().await;
        for (path, length) in [("small", 7), ("large", 3 << 20)] {
            let rpc = instance
                .get(client, &format!("{URL}{path}"), Some(5.0))
                .await;
            // Nothing of ours runs meanwhile.
            tokio::time::sleep(seconds(20)).await;
            let response = instance.result(rpc).await.unwrap();
            assert_eq!(
                (response.status, response.content.len()),
                (200, length),
                "{path}"
            );
        }
    });
}

#[test]
fn an_answer_that_was_not_there_in_time_is_none_however_late_it_is_collected() {
    run_in_virtual_time(async {
        let origin = Scripted::new()
            .on("/head", Reply::silence())
            .on("/body", Reply::ok("part").then(Step::Stall))
            .on("/hop", Reply::redirect(302, "/head"));
        let mut instance = Instance::scripted(&origin).await;
        let client = instance.client().await;
        for path in ["head", "body", "hop"] {
            let rpc = instance
                .get(client, &format!("{URL}{path}"), Some(5.0))
                .await;
            tokio::time::sleep(seconds(20)).await;
            let start = Instant::now();
            let error = instance.result(rpc).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::DeadlineExceeded, "{path}");
            assert_exact(start.elapsed(), Duration::ZERO);
        }
    });
}
