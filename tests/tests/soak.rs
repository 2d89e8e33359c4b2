//! The soak, as short as a test: `cargo xtask soak` is the long one.

use urlfetch_tests::{
    on_sockets,
    soak::{Act, Settings, soak},
};

#[test]
fn four_thousand_fetches_from_a_faulty_origin_end_as_it_says_and_nothing_grows() {
    on_sockets(|| async {
        let settings = Settings {
            fetches: 4_000,
            seed: 20_260_000,
            in_flight: 100,
        };
        let report = soak(settings, |_| {}).await.expect("a port is free");
        assert_eq!(report.fault(), None, "{report}");
        assert_eq!((report.as_told, report.lost), (4_000, 0));
        assert_eq!(report.acts.len(), Act::ALL.len(), "each act is played");
    });
}
