//! The waterfall: one bar per rpc on a common time axis, as text. Pure: what is drawn is decided by the arguments alone.

use super::amount::duration;
use super::fetched::{Fetched, Hop};

/// How wide a line is at most: what the narrowest terminal in use shows.
const COLUMNS: usize = 80;
/// The time at the end of a line.
const TIME: usize = 8;

/// The last line.
const LEGEND: &str =
    "    . queued  - waiting for the head  = body  > redirect (2-9: more)  ! failed\n";

/// What a cell of a bar stands for. Where two fall together, the later one here is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cell {
    Blank,
    /// Made, but not handed to the host: no place in flight.
    Queued,
    /// Handed to the host; no head yet.
    Waiting,
    /// The head has come.
    Body,
    /// So many redirects were followed here.
    Redirects(u8),
    /// Here it failed.
    Failed,
}

impl Cell {
    fn glyph(self) -> char {
        match self {
            Cell::Blank => ' ',
            Cell::Queued => '.',
            Cell::Waiting => '-',
            Cell::Body => '=',
            Cell::Redirects(1) => '>',
            Cell::Redirects(many) => char::from(b'0' + many.min(9)),
            Cell::Failed => '!',
        }
    }

    /// The SGR parameter of its colour.
    fn colour(self) -> Option<&'static str> {
        match self {
            Cell::Blank => None,
            Cell::Queued => Some("2"),
            Cell::Waiting => Some("33"),
            Cell::Body => Some("32"),
            Cell::Redirects(_) => Some("36"),
            Cell::Failed => Some("31"),
        }
    }
}

/// Draws the rpcs at these places of `fetched`, each under its number, on an axis from 0 to `total` milliseconds.
pub(crate) fn waterfall(
    fetched: &[Fetched],
    places: &[usize],
    total: f64,
    coloured: bool,
) -> String {
    let number = fetched.len().to_string().len().max(2);
    let width = COLUMNS - number - 2 - 1 - TIME;
    let mut text = axis(number, width, total);
    for place in places {
        let rpc = &fetched[*place];
        let bar = paint(&bar(rpc, total, width), coloured);
        text.push_str(&format!(
            "{:>number$}  {bar} {:>TIME$}\n",
            place + 1,
            duration(rpc.ms)
        ));
    }
    text.push_str(LEGEND);
    text
}

/// Two lines: the times at both ends and in the middle, and the rule they stand on.
fn axis(number: usize, width: usize, total: f64) -> String {
    let gap = " ".repeat(number + 2);
    let middle = width / 2;
    let (first, half, last) = (duration(0.0), duration(total / 2.0), duration(total));
    let half_width = middle + half.chars().count() / 2 - first.len();
    let rest = width - first.len() - half_width;
    let rule: String = (0..width)
        .map(|cell| {
            if cell == 0 || cell == middle || cell + 1 == width {
                '+'
            } else {
                '-'
            }
        })
        .collect();
    format!("{gap}{first}{half:>half_width$}{last:>rest$}\n{gap}{rule}\n")
}

/// One bar, a cell per column.
fn bar(rpc: &Fetched, total: f64, width: usize) -> Vec<Cell> {
    let mut cells = vec![Cell::Blank; width];
    let at = |ms: f64| column(rpc.called_at + ms, total, width);
    fill(&mut cells, at(0.0), at(rpc.ms), Cell::Queued);
    for (place, hop) in rpc.hops.iter().enumerate() {
        let next = rpc.hops.get(place + 1);
        let end = end_of(hop, next, rpc.ms);
        let head = hop.head_at.unwrap_or(end).min(end);
        fill(&mut cells, at(hop.started_at), at(head), Cell::Waiting);
        if hop.head_at.is_some() {
            fill(&mut cells, at(head), at(end), Cell::Body);
        }
    }
    for hop in rpc.hops.iter().skip(1) {
        let cell = &mut cells[at(hop.started_at)];
        *cell = match *cell {
            Cell::Redirects(many) => Cell::Redirects(many.saturating_add(1)),
            _ => Cell::Redirects(1),
        };
    }
    if rpc.outcome.is_err() {
        cells[at(rpc.ms)] = Cell::Failed;
    }
    cells
}

/// When an exchange was over: as it says, else when the next one began, else when the rpc ended.
fn end_of(hop: &Hop, next: Option<&Hop>, rpc_end: f64) -> f64 {
    hop.ended_at
        .or(next.map(|next| next.started_at))
        .unwrap_or(rpc_end)
        .max(hop.started_at)
}

/// The column of an instant.
fn column(ms: f64, total: f64, width: usize) -> usize {
    if total <= 0.0 {
        return 0;
    }
    let cell = (ms / total * width as f64).floor();
    (cell.max(0.0) as usize).min(width - 1)
}

/// Paints from one column to another, both included: whatever happened is visible, however short it was.
fn fill(cells: &mut [Cell], from: usize, to: usize, with: Cell) {
    for cell in &mut cells[from..=to.max(from)] {
        *cell = with;
    }
}

/// The glyphs, with one colour per run of equal cells.
fn paint(cells: &[Cell], coloured: bool) -> String {
    if !coloured {
        return cells.iter().map(|cell| cell.glyph()).collect();
    }
    cells
        .chunk_by(|a, b| a == b)
        .map(|run| {
            let glyphs: String = run.iter().map(|cell| cell.glyph()).collect();
            match run[0].colour() {
                Some(colour) => format!("\x1b[{colour}m{glyphs}\x1b[0m"),
                None => glyphs,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::fetched::samples::{hop, late, success};
    use super::super::fetched::{Answer, Failure, Fetched};
    use super::waterfall;

    fn redirected() -> Fetched {
        Fetched {
            hops: vec![
                hop("http://a/1", 302, 0.0, 95.0, 100.0),
                hop("http://a/2", 302, 100.0, 190.0, 200.0),
                hop("http://a/3", 200, 200.0, 300.0, 400.0),
            ],
            outcome: Ok(Answer {
                status: 200,
                truncated: false,
                final_url: Some("http://a/3".into()),
            }),
            ..success("http://a/1", 400.0)
        }
    }

    fn queued() -> Fetched {
        Fetched {
            hops: vec![hop("http://a/q", 200, 500.0, 750.0, 1000.0)],
            ..success("http://a/q", 1000.0)
        }
    }

    fn refused() -> Fetched {
        let failure = Failure {
            kind: "refused",
            code: 0,
            phase: "local",
            retryable: false,
            url: "http://10.0.0.1/".into(),
            detail: "private address".into(),
        };
        Fetched {
            ms: 0.0,
            bytes: 0,
            hops: vec![],
            outcome: Err(failure),
            ..success("http://10.0.0.1/", 0.0)
        }
    }

    #[test]
    fn every_part_of_a_call_has_its_own_glyph_on_one_axis() {
        let all = [
            success("http://a/", 500.0),
            redirected(),
            queued(),
            late("http://a/late", 600.0),
            refused(),
        ];
        let drawn = waterfall(&all, &[0, 1, 2, 3, 4], 1000.0, false);
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cli/golden/waterfall.txt");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(golden, &drawn).unwrap();
        }
        assert_eq!(drawn, std::fs::read_to_string(golden).unwrap());
    }

    #[test]
    fn a_line_never_exceeds_eighty_columns() {
        let many: Vec<_> = (0..10_000)
            .map(|i| success("http://a/", f64::from(i)))
            .collect();
        let drawn = waterfall(&many, &[0, 5_000, 9_999], 10_000.0, false);
        assert_eq!(
            drawn.lines().map(|line| line.chars().count()).max(),
            Some(80)
        );
    }

    #[test]
    fn redirects_within_one_column_are_counted() {
        let hops = (0..4)
            .map(|i| hop("http://a/", 302, f64::from(i), f64::from(i), f64::from(i)))
            .collect();
        let drawn = waterfall(
            &[Fetched {
                hops,
                ..success("http://a/", 4.0)
            }],
            &[0],
            100_000.0,
            false,
        );
        assert!(
            drawn
                .lines()
                .nth(2)
                .is_some_and(|line| line.starts_with(" 1  3 ")),
            "{drawn}"
        );
    }

    #[test]
    fn a_run_that_took_no_time_is_drawn() {
        let drawn = waterfall(&[refused()], &[0], 0.0, false);
        assert!(
            drawn
                .lines()
                .nth(2)
                .is_some_and(|line| line.starts_with(" 1  !")),
            "{drawn}"
        );
    }

    #[test]
    fn times_beyond_the_axis_stay_on_it() {
        let drawn = waterfall(&[success("http://a/", 5_000.0)], &[0], 1_000.0, false);
        assert_eq!(
            drawn.lines().map(|line| line.chars().count()).max(),
            Some(80)
        );
    }

    #[test]
    fn colours_change_nothing_but_the_colour() {
        let all = [
            success("http://a/", 500.0),
            redirected(),
            late("http://a/late", 600.0),
        ];
        let plain = waterfall(&all, &[0, 1, 2], 1000.0, false);
        let coloured = waterfall(&all, &[0, 1, 2], 1000.0, true);
        assert_ne!(plain, coloured);
        let mut stripped = String::new();
        for (place, part) in coloured.split("\x1b[").enumerate() {
            stripped.push_str(if place == 0 {
                part
            } else {
                part.split_once('m').map_or(part, |(_, rest)| rest)
            });
        }
        assert_eq!(stripped, plain);
    }
}
