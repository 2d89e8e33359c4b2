//! Doing calls, by the component this one is composed with.

use super::bindings::urlfetch::rpc::fetch::{self, Client, Rpc};
use super::call::{Call, Key, Setting};
use super::types::ErrorKind;
use serde::Serialize;
use std::collections::HashMap;
use wasi::clocks::monotonic_clock;
use wasi::io::poll::Pollable;

/// What calls have made so far. A key that names nothing is a mistake of the judge: the instance traps.
#[derive(Default)]
pub(crate) struct Performer {
    last: Key,
    clients: HashMap<Key, Client>,
    rpcs: HashMap<Key, Rpc>,
    timers: HashMap<Key, Pollable>,
}

impl Performer {
    /// Does it, and encodes what it answers.
    pub(crate) fn perform(&mut self, call: Call) -> Vec<u8> {
        match call {
            Call::Client { shared } => {
                let client = if shared {
                    Client::shared()
                } else {
                    Client::new()
                };
                let key = self.key();
                self.clients.insert(key, client);
                encode(&key)
            }
            Call::DropClient(client) => encode(&drop(self.clients.remove(&client))),
            Call::Set(client, setting) => encode(&set(&self.clients[&client], setting)),
            Call::Seal(client) => encode(&self.clients[&client].seal()),
            Call::DefaultDeadline(client) => encode(&self.clients[&client].default_deadline()),
            Call::CreateRpc(client, deadline) => {
                let created = self.clients[&client].create_rpc(deadline);
                encode(&created.map(|rpc| {
                    let key = self.key();
                    self.rpcs.insert(key, rpc);
                    key
                }))
            }
            Call::Fetch(client, request, deadline) => {
                encode(&self.clients[&client].fetch(&request, deadline))
            }
            Call::Turn(client, timers) => {
                let others: Vec<_> = timers.iter().map(|timer| &self.timers[timer]).collect();
                encode(&self.clients[&client].turn(&others))
            }
            Call::Drain(client) => encode(&self.clients[&client].drain()),
            Call::Id(rpc) => encode(&self.rpcs[&rpc].id()),
            Call::Start(rpc, request) => encode(&self.rpcs[&rpc].make_fetch_call(&request)),
            Call::State(rpc) => encode(&self.rpcs[&rpc].state()),
            Call::Deadline(rpc) => encode(&self.rpcs[&rpc].deadline()),
            Call::Wait(rpc) => encode(&self.rpcs[&rpc].wait()),
            Call::CheckSuccess(rpc) => encode(&self.rpcs[&rpc].check_success()),
            Call::GetResult(rpc) => encode(&self.rpcs[&rpc].get_result()),
            Call::IntoResult(rpc) => {
                let rpc = self.rpcs.remove(&rpc).expect("the judge names an rpc");
                encode(&Rpc::into_result(rpc))
            }
            Call::Cancel(rpc) => encode(&self.rpcs[&rpc].cancel()),
            Call::Hops(rpc) => encode(&self.rpcs[&rpc].hops()),
            Call::Received(rpc) => encode(&self.rpcs[&rpc].received()),
            Call::RejectedHeaders(rpc) => encode(&self.rpcs[&rpc].rejected_headers()),
            Call::DropRpc(rpc) => encode(&drop(self.rpcs.remove(&rpc))),
            Call::WaitAny(rpcs, until) => {
                let rpcs: Vec<_> = rpcs.iter().map(|rpc| &self.rpcs[rpc]).collect();
                encode(&fetch::wait_any(
                    &rpcs,
                    until.map(|timer| &self.timers[&timer]),
                ))
            }
            Call::Progress => encode(&fetch::progress()),
            Call::Timer(milliseconds) => {
                let key = self.key();
                let timer = monotonic_clock::subscribe_duration(milliseconds * 1_000_000);
                self.timers.insert(key, timer);
                encode(&key)
            }
            Call::DropTimer(timer) => encode(&drop(self.timers.remove(&timer))),
        }
    }

    fn key(&mut self) -> Key {
        self.last += 1;
        self.last
    }
}

fn set(client: &Client, setting: Setting) -> Result<(), ErrorKind> {
    match setting {
        Setting::DefaultDeadline(seconds) => client.set_default_deadline(seconds),
        Setting::MaximumDeadline(seconds) => client.set_maximum_deadline(seconds),
        Setting::MaxInFlight(total, per_origin) => client.set_max_in_flight(total, per_origin),
        Setting::MaxRedirects(hops) => client.set_max_redirects(hops),
        Setting::Follow308(follow) => client.set_follow_permanent_redirect(follow),
        Setting::MaxResponse(bytes) => client.set_max_response(bytes),
        Setting::UrlLimits(max_length, any_port) => client.set_url_limits(max_length, any_port),
        Setting::UserAgent(text) => client.set_user_agent(text.as_deref()),
        Setting::AllowedOrigins(origins) => client.set_allowed_origins(&origins),
        Setting::AllowPrivate(allow) => client.set_allow_private(allow),
        Setting::ValidateAnyway(validate) => client.set_validate_anyway(validate),
        Setting::CurrentRequest(authority, path) => {
            client.set_current_request(authority.as_deref(), &path)
        }
        Setting::DevelopmentMode(on) => client.set_development_mode(on),
    }
}

fn encode(answer: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(answer).expect("memory takes what it holds")
}
