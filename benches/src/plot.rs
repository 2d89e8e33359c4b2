//! The cost of one fetch against how many are out at once, as SVG: time beside fuel, both axes logarithmic.

use crate::figure::{Figure, Unit};
use crate::peer::PEERS;
use crate::report::Report;
use std::fmt::Write;

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 44.0;

/// In the order of the peers; ours are the dark ones.
const COLORS: [&str; PEERS.len()] = [
    "#b30000", "#ff7f50", "#000000", "#1f77b4", "#17becf", "#2ca02c", "#98df8a", "#7f7f7f",
    "#9467bd", "#e377c2",
];

/// One line: a peer, and the cost of a fetch by how many are out.
struct Line<'a> {
    peer: usize,
    points: Vec<(f64, f64)>,
    shown: &'a str,
}

/// Draws it.
pub(crate) fn growth(report: &Report) -> String {
    let time = lines(report.of("wall", Unit::Milliseconds), |figure, count| {
        figure.value.median * 1e3 / count
    });
    let fuel = lines(report.of("fuel", Unit::Fuel), |figure, _| {
        figure.value.median
    });
    let legend = PEERS.len() as f64 * 18.0 + 10.0;
    let height = HEIGHT.max(legend);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{height}\" viewBox=\"0 0 {w} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        w = 2.0 * WIDTH + 160.0
    );
    panel(&mut svg, 0.0, "µs of wall time per fetch of 1 KiB", &time);
    panel(&mut svg, WIDTH, "fuel per fetch of 1 KiB (exact)", &fuel);
    for (place, peer) in PEERS.iter().enumerate() {
        let (x, y) = (2.0 * WIDTH + 8.0, TOP + 18.0 * place as f64);
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"{y}\" width=\"12\" height=\"4\" fill=\"{}\"/><text x=\"{}\" y=\"{}\">{}</text>",
            COLORS[place],
            x + 18.0,
            y + 7.0,
            peer.shown
        );
    }
    svg + "</svg>\n"
}

/// Of the cases that are a number and nothing else.
fn lines<'a>(
    figures: impl Iterator<Item = &'a Figure>,
    cost: impl Fn(&Figure, f64) -> f64,
) -> Vec<Line<'a>> {
    let figures: Vec<&Figure> = figures.collect();
    let line = |(place, peer): (usize, &'static crate::peer::Peer)| {
        let own = figures.iter().filter(|figure| figure.peer == peer.name);
        let points = own.filter_map(|figure| {
            let count: f64 = figure.case.parse().ok()?;
            Some((count, cost(figure, count)))
        });
        Line {
            peer: place,
            points: points.collect(),
            shown: peer.shown,
        }
    };
    let lines = PEERS.iter().enumerate().map(line);
    lines.filter(|line| !line.points.is_empty()).collect()
}

fn panel(svg: &mut String, left: f64, title: &str, lines: &[Line<'_>]) {
    let costs = || {
        lines
            .iter()
            .flat_map(|line| &line.points)
            .map(|point| point.1)
    };
    let low = costs().fold(f64::INFINITY, f64::min).log10().floor();
    let high = costs().fold(1.0, f64::max).log10().ceil();
    if !low.is_finite() {
        return;
    }
    let (most, span) = (4.0, (high - low).max(1.0));
    let x = |count: f64| left + LEFT + (WIDTH - LEFT - RIGHT) * count.log10() / most;
    let y = |cost: f64| TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - (cost.log10() - low) / span);
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"20\" font-weight=\"bold\">{title}</text>",
        left + LEFT
    );
    for power in 0..=4 {
        let at = x(10_f64.powi(power));
        let _ = writeln!(
            svg,
            "<path d=\"M{at:.1} {TOP}V{}\" stroke=\"#ddd\"/><text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            HEIGHT - BOTTOM,
            HEIGHT - BOTTOM + 18.0,
            10_u32.pow(power as u32)
        );
    }
    for power in low as i32..=high as i32 {
        let at = y(10_f64.powi(power));
        let _ = writeln!(
            svg,
            "<path d=\"M{} {at:.1}H{}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left + LEFT,
            left + WIDTH - RIGHT,
            left + LEFT - 6.0,
            at + 4.0,
            10_f64.powi(power)
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">fetches at once</text>",
        left + LEFT + (WIDTH - LEFT - RIGHT) / 2.0,
        HEIGHT - 8.0
    );
    for line in lines {
        let color = COLORS[line.peer];
        let mut path = String::new();
        for (place, &(count, cost)) in line.points.iter().enumerate() {
            let command = if place == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{command}{:.1} {:.1}", x(count), y(cost));
            let _ = writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{color}\"/>",
                x(count),
                y(cost)
            );
        }
        let _ = writeln!(
            svg,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"><title>{}</title></path>",
            line.shown
        );
    }
}
