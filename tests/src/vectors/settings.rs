//! The settings of a client, in the order in which they are made.

use super::call::Setting;
use super::model::Settings;

/// Every setting that is given.
pub(super) fn settings(change: &Settings) -> Vec<Setting> {
    let deadline = change.default_deadline.is_some() || change.no_default_deadline;
    let user_agent = change.user_agent.is_some() || change.default_user_agent;
    let current = change.current_request.as_ref().map(|current| {
        Setting::CurrentRequest(Some(current.authority.clone()), current.path.clone())
    });
    let no_current = Setting::CurrentRequest(None, String::new());
    let settings = [
        deadline.then_some(Setting::DefaultDeadline(change.default_deadline)),
        change.maximum_deadline.map(Setting::MaximumDeadline),
        change
            .max_in_flight
            .map(|(total, per_origin)| Setting::MaxInFlight(total, per_origin)),
        change.max_redirects.map(Setting::MaxRedirects),
        change.follow_308.map(Setting::Follow308),
        change.max_response.map(Setting::MaxResponse),
        change
            .url_limits
            .map(|(max_length, any_port)| Setting::UrlLimits(max_length, any_port)),
        user_agent.then(|| Setting::UserAgent(change.user_agent.clone())),
        change.allowed_origins.clone().map(Setting::AllowedOrigins),
        change.allow_private.map(Setting::AllowPrivate),
        change.validate_anyway.map(Setting::ValidateAnyway),
        current,
        change.no_current_request.then_some(no_current),
        change.development_mode.map(Setting::DevelopmentMode),
    ];
    settings.into_iter().flatten().collect()
}
