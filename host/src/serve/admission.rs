//! How many requests run at once: the rest is told to come back. And the word to stop, for those that run.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// The bound on requests in flight. A request is in flight as long as its instance lives.
#[derive(Debug)]
pub(super) struct Admission {
    places: Arc<Semaphore>,
    most: u32,
    phase: watch::Sender<Phase>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    /// What was accepted is answered, and nothing else.
    Stopping,
    /// Nothing is waited for any more.
    Cut,
}

/// A request's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Admission {
    pub(super) fn new(most: u32) -> Self {
        Admission {
            places: Arc::new(Semaphore::new(most as usize)),
            most,
            phase: watch::Sender::new(Phase::Serving),
        }
    }

    /// A place, when one is free. Nobody waits for one: a queue would only make everybody late.
    pub(super) fn enter(&self) -> Option<Place> {
        let permit = self.places.clone().try_acquire_owned().ok()?;
        Some(Place { _permit: permit })
    }

    /// A place, when it is one's turn; none when the server stops before.
    pub(super) async fn enter_in_turn(&self) -> Option<Place> {
        tokio::select! {
            biased;
            // The semaphore is never closed.
            permit = self.places.clone().acquire_owned() => Some(Place { _permit: permit.ok()? }),
            () = self.is_cut() => None,
        }
    }

    /// From now on every answer says that it is its connection's last.
    pub(super) fn stop(&self) {
        self.phase.send_replace(Phase::Stopping);
    }

    pub(super) fn is_stopping(&self) -> bool {
        *self.phase.borrow() != Phase::Serving
    }

    /// Ends every request in flight.
    pub(super) fn cut(&self) {
        self.phase.send_replace(Phase::Cut);
    }

    /// Until requests in flight are to end.
    pub(super) async fn is_cut(&self) {
        let mut phase = self.phase.subscribe();
        // It outlives its receivers: the error is impossible, and stands for "never".
        if phase.wait_for(|phase| *phase == Phase::Cut).await.is_err() {
            std::future::pending().await
        }
    }

    /// How many requests are in flight.
    pub(super) fn in_flight(&self) -> u64 {
        u64::from(self.most).saturating_sub(self.places.available_permits() as u64)
    }

    /// Until no request is in flight. Nobody enters while somebody waits here.
    pub(super) async fn empty(&self) {
        // The semaphore is never closed.
        let _ = self.places.acquire_many(self.most).await;
    }
}

#[cfg(test)]
mod tests {
    use super::Admission;

    #[test]
    fn a_place_is_free_again_when_it_is_dropped() {
        let admission = Admission::new(2);
        let one = admission.enter();
        let two = admission.enter();
        assert!(one.is_some() && two.is_some() && admission.enter().is_none());
        assert_eq!(admission.in_flight(), 2);
        drop(one);
        assert!(admission.enter().is_some());
    }
}
