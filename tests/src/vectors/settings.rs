//! The settings of a client, one after the other.

use super::act::{Actor, call};
use super::expect::Surprise;
use super::model::Settings;
use urlfetch_host::bindings::types::ErrorKind;
use wasmtime::component::ResourceAny;

/// Makes every setting that is given; the kind with which one of them is refused.
pub(super) async fn apply(
    actor: &mut Actor,
    client: ResourceAny,
    change: &Settings,
) -> Result<Option<String>, Surprise> {
    let mut made: Vec<Result<(), ErrorKind>> = Vec::new();
    if change.default_deadline.is_some() || change.no_default_deadline {
        made.push(call!(
            actor,
            client.call_set_default_deadline(client, change.default_deadline)
        ));
    }
    if let Some(seconds) = change.maximum_deadline {
        made.push(call!(
            actor,
            client.call_set_maximum_deadline(client, seconds)
        ));
    }
    if let Some((total, per_origin)) = change.max_in_flight {
        made.push(call!(
            actor,
            client.call_set_max_in_flight(client, total, per_origin)
        ));
    }
    if let Some(hops) = change.max_redirects {
        made.push(call!(actor, client.call_set_max_redirects(client, hops)));
    }
    if let Some(follow) = change.follow_308 {
        made.push(call!(actor, client.call_set_follow_308(client, follow)));
    }
    if let Some(bytes) = change.max_response {
        made.push(call!(actor, client.call_set_max_response(client, bytes)));
    }
    if change.user_agent.is_some() || change.default_user_agent {
        let text = change.user_agent.as_deref();
        made.push(call!(actor, client.call_set_user_agent(client, text)));
    }
    if let Some(origins) = &change.allowed_origins {
        made.push(call!(
            actor,
            client.call_set_allowed_origins(client, origins)
        ));
    }
    if let Some(allow) = change.allow_private {
        made.push(call!(actor, client.call_set_allow_private(client, allow)));
    }
    if let Some(validate) = change.validate_anyway {
        made.push(call!(
            actor,
            client.call_set_validate_anyway(client, validate)
        ));
    }
    if let Some(current) = &change.current_request {
        let authority = Some(current.authority.as_str());
        made.push(call!(
            actor,
            client.call_set_current_request(client, authority, &current.path)
        ));
    }
    if change.no_current_request {
        made.push(call!(
            actor,
            client.call_set_current_request(client, None, "")
        ));
    }
    if let Some(on) = change.development_mode {
        made.push(call!(actor, client.call_set_development_mode(client, on)));
    }
    if made.is_empty() {
        return Err("the step must set something".into());
    }
    Ok(made
        .into_iter()
        .find_map(|set| set.err().map(|kind| kind.name().to_owned())))
}
