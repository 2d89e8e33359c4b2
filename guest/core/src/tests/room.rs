//! The memory that content takes while it comes: made once where its length is known, never more than is kept. Semantics.md section 12.
use crate::content::{Content, Progress};

/// The capacity after each of these pieces.
fn rooms(cap: usize, declared: Option<u64>, pieces: &[usize]) -> Vec<usize> {
    (1..=pieces.len())
        .map(|count| {
            let mut content = Content::new(cap, declared, None);
            for &piece in &pieces[..count] {
                content.push(vec![b'x'; piece]).unwrap();
            }
            let (bytes, cut) = content.take();
            let received: usize = pieces[..count].iter().sum();
            assert_eq!((bytes.len(), cut), (received.min(cap), received > cap));
            bytes.capacity()
        })
        .collect()
}

#[test]
fn the_only_piece_is_kept_where_it_is() {
    for declared in [None, Some(1000)] {
        let piece = vec![b'x'; 1000];
        let place = piece.as_ptr();
        let mut content = Content::new(5000, declared, None);
        assert_eq!(content.push(piece), Ok(Progress::More));
        assert_eq!(content.take().0.as_ptr(), place);
    }
}

#[test]
fn a_declared_length_is_believed_with_its_first_piece_and_to_the_byte() {
    assert_eq!(rooms(5000, Some(3000), &[1000, 1000, 1000]), [3000; 3]);
    let more_than_is_kept = rooms(5000, Some(u64::MAX - 1), &[1000, 1000]);
    assert_eq!(more_than_is_kept, [5001; 2]);
}

#[test]
fn room_doubles_where_no_length_is_declared_and_ends_with_what_is_kept() {
    assert_eq!(
        rooms(9000, None, &[1000; 10]),
        [1000, 2000, 4000, 4000, 8000, 8000, 8000, 8000, 9001, 9001]
    );
    assert_eq!(rooms(9000, None, &[1000, 7000]), [1000, 8000]);
}

#[test]
fn of_a_piece_that_does_not_fit_one_byte_more_is_kept_than_the_cap() {
    assert_eq!(rooms(1500, None, &[1000, 6000]), [1000, 1501]);
}

#[test]
fn a_transport_is_asked_for_64_kib_at_once() {
    assert_eq!(Content::new(10, Some(10), None).appetite(), 65_536);
}
