//! The table of finished rpcs and the line of totals below it, as text. Pure.

use super::amount::{duration, size};
use super::fetched::Fetched;

/// What stands before the URL: number, status, bytes, hops, time.
const HEAD: [&str; 5] = ["#", "status", "bytes", "hops", "time"];

/// Which rpcs are shown when there is room for `room` of them: the failed ones and then the slowest, in their order.
pub(crate) fn chosen(fetched: &[Fetched], room: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..fetched.len()).collect();
    if places.len() > room {
        places.sort_by(|a, b| {
            let (a, b) = (&fetched[*a], &fetched[*b]);
            b.outcome
                .is_err()
                .cmp(&a.outcome.is_err())
                .then(b.ms.total_cmp(&a.ms))
        });
        places.truncate(room);
        places.sort_unstable();
    }
    places
}

/// One line per rpc, and a second one where there is more to say: where it was redirected to, why it failed.
pub(crate) fn table(fetched: &[Fetched], places: &[usize], coloured: bool) -> String {
    let number = fetched.len().to_string().len().max(2);
    let [n, status, bytes, hops, time] = HEAD;
    let mut text = format!("{n:>number$}  {status:>6}  {bytes:>9}  {hops:>4}  {time:>7}  url\n");
    for place in places {
        let rpc = &fetched[*place];
        let status = rpc
            .status()
            .map_or_else(|| "-".to_owned(), |status| status.to_string());
        let status = paint(
            &format!("{status:>6}"),
            if rpc.outcome.is_ok() { "32" } else { "31" },
            coloured,
        );
        text.push_str(&format!(
            "{:>number$}  {status}  {:>9}  {:>4}  {:>7}  {}\n",
            place + 1,
            size(rpc.bytes),
            rpc.hops.len(),
            duration(rpc.ms),
            rpc.url
        ));
        let gap = " ".repeat(number + 2);
        match &rpc.outcome {
            Ok(answer) => {
                if let Some(url) = &answer.final_url {
                    text.push_str(&format!("{gap}-> {url}\n"));
                }
                if answer.truncated {
                    text.push_str(&format!("{gap}truncated\n"));
                }
            }
            Err(failure) => {
                let line = format!(
                    "{} in phase {}: {}",
                    failure.kind, failure.phase, failure.detail
                );
                text.push_str(&format!("{gap}{}\n", paint(&line, "31", coloured)));
            }
        }
    }
    text
}

/// How it went in all: counts, the wall time, and what the calls would have taken one after the other.
pub(crate) fn totals(fetched: &[Fetched], wall_ms: f64) -> String {
    let failed = fetched.iter().filter(|rpc| rpc.outcome.is_err()).count();
    let sum: f64 = fetched.iter().map(|rpc| rpc.ms).sum();
    format!(
        "{} fetched, {failed} failed in {}; the single times add up to {}\n",
        fetched.len() - failed,
        duration(wall_ms),
        duration(sum)
    )
}

fn paint(text: &str, colour: &str, coloured: bool) -> String {
    if coloured {
        format!("\x1b[{colour}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fetched::samples::{late, success};
    use super::super::fetched::{Answer, Fetched};
    use super::{chosen, table, totals};

    #[test]
    fn a_row_says_what_came_and_a_second_line_why_it_did_not() {
        let landed = Answer {
            status: 200,
            truncated: true,
            final_url: Some("http://a/landed".into()),
        };
        let all = [
            success("http://a/", 52.0),
            late("http://a/late", 500.0),
            Fetched {
                outcome: Ok(landed),
                ..success("http://a/moved", 1520.0)
            },
        ];
        assert_eq!(
            table(&all, &[0, 1, 2], false),
            " #  status      bytes  hops     time  url
 1     200    1.0 KiB     1    52 ms  http://a/
 2       -        0 B     1   500 ms  http://a/late
    deadline-exceeded in phase request: no answer within 0.5 s
 3     200    1.0 KiB     1   1.52 s  http://a/moved
    -> http://a/landed
    truncated
"
        );
    }

    #[test]
    fn the_failed_and_the_slowest_are_shown_first_and_in_order() {
        let all = [
            success("a", 1.0),
            success("b", 9.0),
            late("c", 2.0),
            success("d", 5.0),
        ];
        assert_eq!(chosen(&all, 4), [0, 1, 2, 3]);
        assert_eq!(chosen(&all, 2), [1, 2]);
        assert_eq!(chosen(&all, 1), [2]);
    }

    #[test]
    fn totals_set_the_wall_time_beside_the_sum() {
        let all = [success("a", 400.0), late("b", 600.0)];
        assert_eq!(
            totals(&all, 610.0),
            "1 fetched, 1 failed in 610 ms; the single times add up to 1.00 s\n"
        );
    }
}
