//! urlfetch-core DECIDES: the rules of App Engine's URL Fetch as a machine without clock, socket or host. It carries nothing.
//!
//! A driver owns a transport and a clock. It tells a [`Service`] what the transport saw and what time it is, and asks after every
//! such input what follows from it: requests to send, exchanges to end, rpcs that finished. Nothing here blocks, and no `now` is
//! kept. One loop for all calls or a task for each make no difference.
//!
//! # States
//!
//! An rpc never goes backwards. While it runs, its call goes round once for each hop.
//!
//! ```text
//!          create_rpc               start                                               done
//!   (none) ----------> State::Idle ------> State::Running ------------------------------------> State::Finishing
//!                                          |                                                  |  take_callback_due: true once
//!                                          |   held back (development mode)                   |  take_hooks_due: true once
//!                                          |       | execute                                  |  outcome: the same every time
//!                                          |       v           admit         poll_send        |
//!                                          |   waiting in line ------> admitted ------> out --+
//!                                          |       ^                                     |
//!                                          |       +---- handle: a redirect to follow ---+
//!                                          |
//!                                          +-- deadline, cancel: from anywhere; a rule broken: from the start
//! ```
//!
//! # A fetch
//!
//! ```
//! use urlfetch_core::{Event, Instant, Request, Service, State};
//!
//! let now = Instant::from_nanos(0);
//! let mut service = Service::new();
//! let client = service.open_client();
//!
//! let rpc = service.create_rpc(client, Some(2.5))?;
//! let request = Request::new("http://example.com/#top");
//! service.check(rpc, &request)?; // what fails at once
//! service.start(rpc, request, now); // the deadline counts from here
//!
//! let (sent, outgoing) = service.poll_send(now).expect("there is room for it");
//! assert_eq!(sent, rpc);
//! assert_eq!(outgoing.url.as_str(), "http://example.com/");
//!
//! // The transport sends it, and says what it sees. False: the exchange is over.
//! let head = Event::Head { status: 200, headers: vec![("Server".into(), b"x".to_vec())] };
//! assert!(service.handle(rpc, head, now));
//! assert!(service.handle(rpc, Event::Piece(b"hello".to_vec()), now));
//! assert_eq!(service.state(rpc), State::Running);
//! assert!(!service.handle(rpc, Event::End, now));
//! assert_eq!(service.state(rpc), State::Finishing);
//!
//! // A wait sees it finished: its callback is to run now, and never again.
//! assert!(service.take_callback_due(rpc));
//! assert!(!service.take_callback_due(rpc));
//! let response = service.outcome(rpc).expect("it is finished").clone()?;
//! assert_eq!(response.content, b"hello");
//! # Ok::<(), urlfetch_core::FetchError>(())
//! ```
//!
//! # Invariants
//!
//! Each has a test of its name in `src/tests`, and is asserted after every step of random programs by
//! `invariants_hold_whatever_a_program_does`.
//!
//! | always | test |
//! |---|---|
//! | A life never goes backwards. | `an_rpc_is_idle_then_running_then_finishing` |
//! | One rpc is one fetch. | `one_rpc_is_one_fetch_before_and_after_it_finishes` |
//! | Done is final. | `finishing_is_final_whatever_comes_afterwards` |
//! | A result is the same each time. | `a_result_is_the_same_each_time_it_is_asked` |
//! | A callback is due at most once, and only once finished. | `callback_is_due_once_even_if_waited_twice` |
//! | It is due however the call ended. | `callback_is_due_after_failure_deadline_cancel_and_a_bad_url` |
//! | Hops stay within the limit. | `five_redirects_succeed_and_a_sixth_is_too_many` |
//! | Kept bytes stay within the limit. | `content_as_large_as_the_cap_is_complete_and_one_byte_more_is_not` |
//! | Once the deadline has passed, the next drain ends in done. | `once_the_deadline_has_passed_the_next_drain_ends_in_done` |
//! | Calls out stay within the limits; where those are lowered, they never grow. | `lowered_limits_call_nothing_back_and_let_out_nothing_more` |
//! | No call is lost, and no place. | `a_place_that_was_given_but_not_used_yet_is_not_lost` |
//! | What fails at once leaves the rpc idle. | `immediate_checks_come_in_their_order_and_leave_the_rpc_idle` |
//! | Nothing is left of what was dropped. | `dropping_an_rpc_at_any_time_ends_it_silently` |
//! | No input panics. | `invariants_hold_whatever_a_program_does` |
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
extern crate alloc;

pub mod address;
mod call;
mod content;
mod error;
mod failure;
pub mod gunzip;
pub mod headers;
mod line;
pub mod policy;
mod queue;
mod redirect;
mod request;
mod response;
mod service;
mod text;
pub mod time;
pub mod url;

pub use call::{Call, Event, Outgoing, Want};
pub use error::{ErrorKind, FetchError, Phase};
pub use failure::{Failure, FailureCode, Retry, Verdict};
pub use headers::{Headers, Lines};
pub use policy::Policy;
pub use request::{CurrentRequest, MAX_REQUEST, Method, Payload, Request};
pub use response::{Hop, Response};
pub use service::{ClientKey, Judged, RpcKey, Service, State};
pub use time::Instant;

#[cfg(test)]
mod tests;
