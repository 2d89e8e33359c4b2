//! What a binding has: rpcs by their keys, and callbacks that are its own business.
mod story;
use story::{origins, url};
use urlfetch::{
    ErrorKind, Request, Scripted, State,
    binding::{ClientKey, Driver, RpcKey, Waited},
};

fn started(driver: &mut Driver<Scripted>, client: ClientKey, path: &str) -> RpcKey {
    let rpc = driver.service.create_rpc(client, None).unwrap();
    driver
        .make_fetch_call(rpc, Request::new(url(path)))
        .unwrap();
    rpc
}

#[test]
fn a_binding_waits_by_place_and_the_callback_stays_due() {
    let mut driver = Driver::over(origins());
    let client = driver.service.open_client();
    let (slow, fast) = (
        started(&mut driver, client, "20"),
        started(&mut driver, client, "10"),
    );
    assert_eq!(driver.wait_any(&[], None, true), Ok(Waited::Nothing));
    assert_eq!(
        driver.wait_any(&[slow, fast], None, false),
        Ok(Waited::Interrupted)
    );
    assert_eq!(
        driver.wait_any(&[slow, fast], None, true),
        Ok(Waited::Finished(1))
    );
    assert!(driver.service.take_callback_due(fast));
    assert!(!driver.service.take_callback_due(fast));
    assert!(
        !driver.service.take_callback_due(slow),
        "asking too early uses nothing up"
    );
    driver.wait(slow).unwrap();
    assert!(driver.service.take_callback_due(slow));
    assert!(!driver.service.take_callback_due(slow));
}

#[test]
fn a_result_that_is_taken_is_moved_and_no_longer_there() {
    let mut driver = Driver::over(origins());
    let client = driver.service.open_client();
    let rpc = started(&mut driver, client, "10");
    let kept = driver.outcome(rpc).unwrap().content.as_ptr();
    assert_eq!(driver.take_outcome(rpc).unwrap().content.as_ptr(), kept);
    assert_eq!(driver.outcome(rpc).unwrap_err().kind, ErrorKind::Misuse);
    assert_eq!(driver.state(rpc), State::Finishing);
}

#[test]
fn the_shared_client_outlives_those_who_hold_it() {
    let mut driver = Driver::over(origins());
    let shared = driver.shared_client();
    driver.close_client(shared);
    assert_eq!(driver.shared_client(), shared);
    let rpc = started(&mut driver, shared, "10");
    driver.drain(shared);
    assert_eq!(driver.turn(shared, &[]).finished, [driver.service.id(rpc)]);
}

#[test]
fn a_client_that_is_closed_keeps_what_its_rpcs_need() {
    let mut driver = Driver::over(origins());
    let client = driver.service.open_client();
    let rpc = started(&mut driver, client, "10");
    driver.close_client(client);
    assert_eq!(driver.outcome(rpc).unwrap().status, 200);
    driver.drop_rpc(rpc);
}
