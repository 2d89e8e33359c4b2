//! What no generated binding passes: arguments that are not of their type in the WIT. A dynamic language finds that out at its own
//! boundary, a typed one when it is compiled, and everybody else here: a caller of other types is not linked, and nothing is called.

use super::act::Actor;
use super::expect::Surprise;
use super::op::{Argument, Given};
use urlfetch_host::Session;
use urlfetch_host::bindings::fetch::Waited;
use urlfetch_host::bindings::types::FetchError;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{
    ComponentExportIndex, ComponentNamedList, ComponentType, Lift, Lower, Resource, ResourceAny,
};

const INTERFACE: &str = "urlfetch:rpc/fetch@0.2.0";

/// The record `request` as somebody takes it to be.
#[derive(ComponentType, Lower)]
#[component(record)]
struct Request<Url, HeaderName> {
    url: Url,
    method: String,
    headers: Vec<(HeaderName, Vec<u8>)>,
    payload: Option<Vec<u8>>,
    #[component(name = "follow-redirects")]
    follow_redirects: bool,
    #[component(name = "allow-truncated")]
    allow_truncated: bool,
    #[component(name = "validate-certificate")]
    validate_certificate: Option<bool>,
}

/// A resource that is not the component's.
struct Stranger;

impl Actor {
    /// Whether who gives this for that argument is refused.
    pub(super) fn mistyped(&mut self, argument: Argument, given: Given) -> Result<bool, Surprise> {
        let session = self.subject.session()?;
        match argument {
            Argument::Rpcs => match given {
                Given::None => wait_any::<Option<Vec<ResourceAny>>>(session),
                Given::Number => wait_any::<u32>(session),
                Given::Text => wait_any::<String>(session),
                Given::Rpc => wait_any::<ResourceAny>(session),
                Given::Rpcs => wait_any::<Vec<ResourceAny>>(session),
                Given::Strangers => wait_any::<Vec<Resource<Stranger>>>(session),
            },
            Argument::Url => match given {
                Given::None => make_fetch_call::<Option<String>, String>(session),
                Given::Number => make_fetch_call::<u32, String>(session),
                Given::Text => make_fetch_call::<String, String>(session),
                _ => Err("nobody takes a url for that".into()),
            },
            Argument::HeaderName => match given {
                Given::None => make_fetch_call::<String, Option<String>>(session),
                Given::Number => make_fetch_call::<String, u32>(session),
                Given::Text => make_fetch_call::<String, String>(session),
                _ => Err("nobody takes a header's name for that".into()),
            },
        }
    }
}

fn wait_any<Rpcs: ComponentType + Lower + 'static>(
    session: &mut Session,
) -> Result<bool, Surprise> {
    type Answer = (Result<Waited, FetchError>,);
    is_refused::<(Rpcs, Option<ResourceAny>), Answer>(session, "wait-any")
}

fn make_fetch_call<Url, HeaderName>(session: &mut Session) -> Result<bool, Surprise>
where
    Url: ComponentType + Lower + 'static,
    HeaderName: ComponentType + Lower + 'static,
{
    type Answer = (Result<(), FetchError>,);
    let name = "[method]rpc.make-fetch-call";
    is_refused::<(ResourceAny, Request<Url, HeaderName>), Answer>(session, name)
}

fn is_refused<Arguments, Answer>(session: &mut Session, name: &str) -> Result<bool, Surprise>
where
    Arguments: ComponentNamedList + Lower,
    Answer: ComponentNamedList + Lift,
{
    let (_, interface) = interface(session)?;
    let (store, instance) = (&mut session.store, session.instance);
    let function = instance.get_export_index(&mut *store, Some(&interface), name);
    let function = function.ok_or_else(|| format!("there is no {name}"))?;
    Ok(instance
        .get_typed_func::<Arguments, Answer>(store, &function)
        .is_err())
}

fn interface(session: &mut Session) -> Result<(ComponentItem, ComponentExportIndex), Surprise> {
    let found = session
        .instance
        .get_export(&mut session.store, None, INTERFACE);
    found.ok_or_else(|| format!("there is no {INTERFACE}"))
}

/// The names of all methods of a resource, in their order.
pub(super) fn methods(session: &mut Session, resource: &str) -> Result<Vec<String>, Surprise> {
    let (ComponentItem::ComponentInstance(interface), _) = interface(session)? else {
        return Err(format!("{INTERFACE} is no interface"));
    };
    let prefix = format!("[method]{resource}.");
    let names = interface.exports(session.store.engine());
    let names = names.filter_map(|(name, _)| name.strip_prefix(&prefix).map(str::to_owned));
    Ok(names.collect())
}
