//! The transport over WASI 0.2: `wasi:http/outgoing-handler`, and one `wasi:io/poll.poll` over everything outstanding.
mod abi;
mod exchange;
mod poll_list;
mod upload;

use alloc::vec::Vec;

use urlfetch_core::{Event, Instant, Outgoing};
use wasi::clocks::monotonic_clock;

use crate::transport::{Pollable, Transport, Until, Woken};
use exchange::Exchange;
use poll_list::PollList;

/// Carries exchanges over the host's wasi:http.
pub struct Wasi {
    /// By the client's own numbers, which are small and dense.
    exchanges: Vec<Option<Exchange>>,
    polls: PollList,
    /// The timer of the last wait, which is mostly that of the next one too.
    timer: Option<(Instant, Pollable)>,
}

impl Wasi {
    pub(crate) const fn new() -> Self {
        Self {
            exchanges: Vec::new(),
            polls: PollList::new(),
            timer: None,
        }
    }

    /// A pollable that is ready at `at`, which `timer` keeps.
    fn timer(timer: &mut Option<(Instant, Pollable)>, at: Instant) -> &Pollable {
        if timer.as_ref().is_some_and(|(kept, _)| *kept != at) {
            *timer = None;
        }
        let (_, pollable) =
            timer.get_or_insert_with(|| (at, monotonic_clock::subscribe_instant(at.as_nanos())));
        pollable
    }
}

impl Transport for Wasi {
    fn now(&self) -> Instant {
        Instant::from_nanos(monotonic_clock::now())
    }

    fn send(&mut self, exchange: usize, request: Outgoing, now: Instant) -> Option<Event> {
        match Exchange::start(exchange, request, now, &mut self.polls) {
            Ok(started) => {
                if self.exchanges.len() <= exchange {
                    self.exchanges.resize_with(exchange + 1, || None);
                }
                self.exchanges[exchange] = Some(started);
                None
            }
            Err(failure) => Some(Event::Failed(failure)),
        }
    }

    fn next_event(&mut self, exchange: usize, at_most: usize) -> Option<Event> {
        self.exchanges
            .get_mut(exchange)?
            .as_mut()?
            .next_event(at_most, &mut self.polls)
    }

    fn end(&mut self, exchange: usize) {
        if let Some(ended) = self.exchanges.get_mut(exchange).and_then(Option::take) {
            ended.end(&mut self.polls);
        }
        if self.polls.len() == 0 {
            // Nothing is outstanding, and an instance at rest holds nothing of the host's.
            self.timer = None;
        }
    }

    fn wait(&mut self, until: Until, others: &[&Pollable], woken: &mut Woken) {
        let now;
        let timer = match until {
            Until::Forever => None,
            Until::At(at) => Some(Self::timer(&mut self.timer, at)),
            Until::Now => {
                // A new one each time: hosts let others run when a pollable that is ready at once is polled first.
                now = monotonic_clock::subscribe_duration(0);
                Some(&now)
            }
        };
        let own = self.polls.len();
        if own + others.len() == 0 && (timer.is_none() || until == Until::Now) {
            return;
        }
        for place in self.polls.poll(others.iter().copied().chain(timer)) {
            let index = place as usize;
            if index < own {
                woken.exchanges.push(self.polls.exchange(index));
            } else if index < own + others.len() {
                woken.others.push((index - own) as u32);
            }
        }
    }

    fn subscribe(&mut self, exchange: Option<usize>, deadline: Instant) -> Vec<Pollable> {
        let mut pollables = Vec::with_capacity(3);
        if let Some(exchange) =
            exchange.and_then(|exchange| self.exchanges.get_mut(exchange)?.as_mut())
        {
            exchange.subscribe(&mut pollables);
        }
        pollables.push(monotonic_clock::subscribe_instant(deadline.as_nanos()));
        pollables
    }
}
