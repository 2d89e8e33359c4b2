//! How much the component may weigh, as shipped.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use urlfetch_host::COMPONENT;

#[test]
fn the_component_has_at_most_128_kib() {
    assert!(COMPONENT.len() <= 131_072, "{} bytes", COMPONENT.len());
}

#[test]
fn the_component_has_at_most_48_kib_gzipped() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(COMPONENT).expect("memory takes it");
    let length = gzip.finish().expect("memory takes it").len();
    assert!(length <= 49_152, "{length} bytes");
}
