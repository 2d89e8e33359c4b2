//! Live progress on stderr, when that is a terminal: a line per rpc while they fit, one bar for all when they do not.

use super::amount::size;
use super::fetched::{Fetched, Hop};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// As many rpcs as have a line of their own.
const LINES: usize = 16;

/// What is on the screen while rpcs run.
pub(crate) struct Progress {
    screen: MultiProgress,
    /// One per rpc, or none when there are too many.
    lines: Vec<ProgressBar>,
    /// How many have finished.
    all: ProgressBar,
    failed: u64,
    visible: bool,
}

impl Progress {
    /// A display for these URLs; invisible when stderr is no terminal.
    pub(crate) fn new(urls: &[String]) -> Self {
        let visible = std::io::stderr().is_terminal();
        let target = if visible {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let screen = MultiProgress::with_draw_target(target);
        let lines = if urls.len() <= LINES {
            urls.iter().map(|url| line(&screen, url)).collect()
        } else {
            Vec::new()
        };
        let all = screen.add(
            ProgressBar::new(urls.len() as u64)
                .with_style(style("{pos}/{len} {bar:40} {elapsed} {msg}")),
        );
        Progress {
            screen,
            lines,
            all,
            failed: 0,
            visible,
        }
    }

    /// Whether somebody sees it.
    pub(crate) fn is_visible(&self) -> bool {
        self.visible
    }

    /// Whether this rpc has a line of its own.
    pub(crate) fn shows(&self, place: usize) -> bool {
        place < self.lines.len()
    }

    /// Says where a running rpc is.
    pub(crate) fn running(&self, place: usize, hops: &[Hop], received: u64) {
        if let Some(line) = self.lines.get(place) {
            line.set_prefix(state(hops, received));
        }
    }

    /// Says how an rpc ended.
    pub(crate) fn finished(&mut self, place: usize, rpc: &Fetched) {
        if let Some(line) = self.lines.get(place) {
            line.set_prefix(match &rpc.outcome {
                Ok(answer) => format!("{}, {}", answer.status, size(rpc.bytes)),
                Err(failure) => failure.kind.to_owned(),
            });
            line.finish();
        }
        self.failed += u64::from(rpc.outcome.is_err());
        if self.failed > 0 {
            self.all.set_message(format!("{} failed", self.failed));
        }
        self.all.inc(1);
    }

    /// Turns the spinners of what is running.
    pub(crate) fn tick(&self) {
        self.lines
            .iter()
            .filter(|line| !line.is_finished())
            .for_each(ProgressBar::tick);
        self.all.tick();
    }

    /// Leaves the screen as it was.
    pub(crate) fn end(&self) {
        // A screen that cannot be cleared is no reason to lose the results.
        let _ = self.screen.clear();
    }
}

fn line(screen: &MultiProgress, url: &str) -> ProgressBar {
    // Complete before it is added: every change of a line on the screen draws the screen.
    let line = ProgressBar::hidden()
        .with_style(style("{spinner} {prefix:28} {wide_msg}"))
        .with_prefix(state(&[], 0))
        .with_message(url.to_owned());
    screen.add(line)
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// Where a running rpc is, in a few words.
fn state(hops: &[Hop], received: u64) -> String {
    let Some(last) = hops.last() else {
        return "queued".into();
    };
    let redirects = hops.len() - 1;
    let state = match last.head_at {
        None => "waiting for the head".into(),
        Some(_) => format!("body, {}", size(received)),
    };
    if redirects == 0 {
        state
    } else {
        format!("{state}, hop {}", redirects + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fetched::Hop;
    use super::super::fetched::samples::hop;
    use super::state;

    #[test]
    fn a_running_rpc_is_described_by_its_last_hop() {
        let first = hop("http://a/", 302, 0.0, 1.0, 2.0);
        let waiting = Hop {
            head_at: None,
            ended_at: None,
            ..first.clone()
        };
        assert_eq!(state(&[], 0), "queued");
        assert_eq!(
            state(std::slice::from_ref(&waiting), 0),
            "waiting for the head"
        );
        assert_eq!(
            state(&[first.clone(), waiting], 0),
            "waiting for the head, hop 2"
        );
        assert_eq!(state(&[first], 2048), "body, 2.0 KiB");
    }
}
