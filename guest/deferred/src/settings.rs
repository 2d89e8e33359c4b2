//! Where tasks go and come back to, and the keys: from the environment.
use crate::{Error, Keys};

pub(crate) const KEYS: &str = "URLFETCH_DEFERRED_KEYS";
const API: &str = "URLFETCH_TASKS_API";
const LOCATION: &str = "URLFETCH_TASKS_LOCATION";
const TARGET: &str = "URLFETCH_TASKS_TARGET";
const TOKEN: &str = "URLFETCH_TASKS_TOKEN";

/// Where tasks go and come back to, and the application's keys.
///
/// | variable | what | unset |
/// |---|---|---|
/// | `URLFETCH_DEFERRED_KEYS` | the keys of the [envelope](crate#the-envelope) | an error: nothing can be deferred, no delivery is believed |
/// | `URLFETCH_TASKS_LOCATION` | `projects/P/locations/L`, whose queues are used | `projects/local/locations/local` |
/// | `URLFETCH_TASKS_TARGET` | the origin that tasks are delivered to: the application's own | `http://app.urlfetch.internal`, which is the application to `urlfetch serve` |
/// | `URLFETCH_TASKS_API` | the origin of the Cloud Tasks API | `https://cloudtasks.googleapis.com` |
/// | `URLFETCH_TASKS_TOKEN` | a bearer token for the API | none is sent |
#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) keys: Keys,
    pub(crate) location: String,
    pub(crate) target: String,
    pub(crate) api: String,
    pub(crate) token: Option<Token>,
}

/// A bearer token, which is not shown.
#[derive(Clone)]
pub(crate) struct Token(pub(crate) String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl Settings {
    /// Those of the environment.
    ///
    /// # Errors
    /// [`Error::Settings`], which names the variable.
    pub fn from_env() -> Result<Self, Error> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Those that `variable` gives for the names in the table above.
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        let origin = |name, otherwise: &str| {
            let origin = variable(name).unwrap_or_else(|| otherwise.to_owned());
            let rest = origin
                .strip_prefix("https://")
                .or_else(|| origin.strip_prefix("http://"));
            match rest.map(|rest| rest.trim_end_matches('/')) {
                Some(authority) if !authority.is_empty() && !authority.contains(NO_AUTHORITY) => {
                    Ok(origin.trim_end_matches('/').to_owned())
                }
                _ => Err(Error::Settings(format!(
                    "{name}: must be an origin, such as {otherwise}"
                ))),
            }
        };
        let location =
            variable(LOCATION).unwrap_or_else(|| "projects/local/locations/local".into());
        match location.split('/').collect::<Vec<_>>()[..] {
            ["projects", project, "locations", place] if fits(project) && fits(place) => {}
            _ => {
                return Err(Error::Settings(format!(
                    "{LOCATION}: must be projects/P/locations/L"
                )));
            }
        }
        Ok(Self {
            keys: keys(variable(KEYS))?,
            location,
            target: origin(TARGET, "http://app.urlfetch.internal")?,
            api: origin(API, "https://cloudtasks.googleapis.com")?,
            token: variable(TOKEN).map(Token),
        })
    }

    /// The origin of the Cloud Tasks API, without a slash at its end: what a client of one's own has to be allowed to reach.
    pub fn api(&self) -> &str {
        &self.api
    }
}

impl Keys {
    /// Those of the environment: what checks deliveries needs nothing else of the settings.
    ///
    /// # Errors
    /// [`Error::Settings`] when there are none, or they are wrong.
    pub fn from_env() -> Result<Self, Error> {
        keys(std::env::var(KEYS).ok())
    }
}

const NO_AUTHORITY: [char; 6] = ['/', '?', '#', '@', ' ', '\\'];

fn keys(text: Option<String>) -> Result<Keys, Error> {
    match text {
        Some(text) => Keys::parse(&text),
        None => Err(Error::Settings(format!(
            "{KEYS}: is not set: KID:KEY, the key in 64 hexadecimal digits"
        ))),
    }
}

/// What a project or a location may be called: letters, digits, `-`, `_`, and `.` and `:` of a project that belongs to a domain.
fn fits(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    !name.is_empty() && name.bytes().all(fits) && !name.starts_with('.')
}
