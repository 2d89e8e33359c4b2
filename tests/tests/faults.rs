//! Faults that no vector can say, and the table of where each of them is shown.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use tokio::io::AsyncWriteExt;
use urlfetch_host::Loopback;
use urlfetch_host::bindings::types::{ErrorKind, Phase};
use urlfetch_tests::vectors::{WorldName, expectations, load_all};
use urlfetch_tests::{Instance, RawOrigin, on_sockets, request};

#[test]
fn a_gibibyte_of_zeros_in_a_mebibyte_of_gzip_takes_the_limit_of_memory_and_no_two_mebibytes_more() {
    const LIMIT: usize = 32 << 20;
    on_sockets(|| async {
        let origin = Loopback::start().await.unwrap();
        let mut instance = Instance::pooled().await;
        let client = instance.client().await;
        let small = instance.get(client, &origin.url("/bytes/1"), None).await;
        instance.into_result(small).await.unwrap();
        let before = instance.memory();
        let url = origin.url("/gzip/1073741824");
        // A second one has the memory of the first.
        for _ in 0..2 {
            let rpc = instance.get(client, &url, Some(50.0)).await;
            instance.wait(rpc).await.unwrap();
            let error = instance.into_result(rpc).await.unwrap_err();
            assert_eq!(
                (error.kind, error.phase),
                (ErrorKind::ResponseTooLarge, Phase::Body)
            );
            assert_eq!(error.response.unwrap().content.len(), LIMIT);
            let taken = instance.memory() - before;
            assert!(taken <= LIMIT + (2 << 20), "{taken} bytes beside {before}");
        }
        instance.drop_client(client).await;
        assert_eq!(instance.resources(), 0);
    });
}

/// An answer with a reset right behind it is met by a client that is still writing: it sees one or the other first. Either is told as
/// what it is.
#[test]
fn a_reset_right_behind_an_early_answer_leaves_the_answer_or_a_closed_connection() {
    on_sockets(|| async {
        let origin = RawOrigin::start(|mut stream| async move {
            let answer = b"HTTP/1.1 413 Too Large\r\ncontent-length: 8\r\n\r\ntoo much";
            stream.write_all(answer).await?;
            stream.get_ref().set_zero_linger()
        })
        .await
        .unwrap();
        let mut instance = Instance::pooled().await;
        let client = instance.client().await;
        let mut upload = request("POST", &origin.url("/"));
        upload.payload = Some(vec![b'u'; (10 << 20) - 1_024]);
        for _ in 0..10 {
            match instance.fetch(client, &upload, Some(50.0)).await {
                Ok(response) => assert_eq!(
                    (response.status, response.content.as_slice()),
                    (413, b"too much".as_slice())
                ),
                Err(error) => assert_eq!(
                    (error.kind, error.code, error.retryable),
                    (ErrorKind::ConnectionClosed, 8, false),
                    "{error:?}"
                ),
            }
        }
        instance.drop_client(client).await;
        assert_eq!(instance.resources(), 0);
    });
}

/// `FAULTS.md` promises for each fault who shows it. A promise that names nobody would be none.
#[test]
fn every_fault_of_the_table_is_shown_by_vectors_and_claims_that_exist() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(here.join("FAULTS.md")).unwrap();
    let cases = load_all().unwrap();
    let known = expectations(WorldName::Pooled.name(), &cases).unwrap();
    let mut shown = BTreeSet::new();
    let mut rows = 0;
    for row in table.lines().filter(|line| line.starts_with("| ")).skip(1) {
        rows += 1;
        let by: Vec<_> = row
            .rsplit('|')
            .nth(1)
            .unwrap_or_default()
            .split('`')
            .skip(1)
            .step_by(2)
            .collect();
        assert!(!by.is_empty(), "nothing shows {row}");
        let mut on_sockets = false;
        for name in by {
            shown.insert(name.to_owned());
            if let Some((topic, claim)) = name.split_once("::") {
                assert!(claims(here, topic, claim), "there is no claim {name}");
                on_sockets = true;
                continue;
            }
            let case = cases.iter().find(|case| case.name == name);
            let case = case.unwrap_or_else(|| panic!("there is no vector {name}"));
            on_sockets |= case.needs.iter().all(|need| WorldName::Pooled.has(*need));
            assert!(
                !known.contains_key(name),
                "{name} is known to fail over sockets"
            );
        }
        assert!(on_sockets, "nothing shows it over sockets: {row}");
    }
    assert!(rows >= 40, "{rows} rows");
    let missing = cases
        .iter()
        .map(|case| &case.name)
        .find(|name| name.starts_with("fault/") && !shown.contains(*name));
    assert_eq!(missing, None, "it is in no row");
}

/// Whether the file of this topic, here or among the tests of the host's sender, has this claim.
fn claims(here: &Path, topic: &str, claim: &str) -> bool {
    let folders = ["tests", "../host/src/sender/tests"];
    folders.iter().any(|folder| {
        let text = fs::read_to_string(here.join(folder).join(format!("{topic}.rs")));
        text.is_ok_and(|text| text.contains(&format!("fn {claim}(")))
    })
}
