//! The envelope of a task: a header that only the application can make, over everything that decides what a delivery does.
use std::fmt;

use hmac_sha256::{HMAC, Hash};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use crate::Error;

/// The header that holds the envelope.
pub(crate) const HEADER: &str = "X-Urlfetch-Deferred";
/// Seconds after a task is due that its envelope holds: as long as a task is kept.
pub(crate) const LIFE: u64 = 31 * 24 * 60 * 60;

const VERSION: &str = "v1";

/// The keys of an application: the first signs, all check. Their `Debug` shows no key.
#[derive(Clone)]
pub struct Keys(Vec<Key>);

#[derive(Clone)]
struct Key {
    id: String,
    bytes: [u8; 32],
}

/// What of a task the envelope is over.
pub(crate) struct Sealed<'a> {
    /// The id of the queue.
    pub(crate) queue: &'a str,
    /// The id of the task.
    pub(crate) task: &'a str,
    pub(crate) method: &'a str,
    /// As [`canonical`] writes it.
    pub(crate) path: &'a str,
    /// Empty where there is none.
    pub(crate) content_type: &'a [u8],
    pub(crate) body: &'a [u8],
}

/// Why a delivery is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Forgery {
    /// A header that each delivery has is missing, or there twice.
    Header(&'static str),
    /// The envelope is not of the form that the crate's documentation gives.
    Malformed,
    /// The envelope names a key that is not ours.
    UnknownKey,
    /// The signature is not ours.
    Signature,
    /// The envelope was ours, and has ended.
    Expired,
}

impl fmt::Display for Forgery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "not exactly one header {name}"),
            Self::Malformed => write!(f, "the header {HEADER} is malformed"),
            Self::UnknownKey => f.write_str("the envelope is of a key that is not known"),
            Self::Signature => f.write_str("the envelope is not of this task"),
            Self::Expired => f.write_str("the envelope has expired"),
        }
    }
}

impl std::error::Error for Forgery {}

impl Keys {
    /// Reads `KID:KEY[,KID:KEY...]`, each key 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`Error::Settings`] for anything else. It does not repeat what it has read.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let keys: Option<Vec<Key>> = text.split(',').map(|key| Key::parse(key.trim())).collect();
        match keys {
            Some(keys) if !repeats(&keys) => Ok(Self(keys)),
            _ => Err(Error::Settings(format!(
                "{}: must be KID:KEY, separated by commas where there are more, each KEY 64 hexadecimal digits and each KID another",
                crate::settings::KEYS
            ))),
        }
    }

    /// The value of the header, for a task that is due at `due`, in seconds since 1970.
    pub(crate) fn seal(&self, sealed: &Sealed<'_>, due: u64) -> String {
        let Some(key) = self.0.first() else {
            unreachable!("there is a first piece of every text");
        };
        let expires = due.saturating_add(LIFE).to_string();
        let mac = key.mac(&expires, sealed).finalize();
        let mut value = format!("{VERSION};{};{expires};", key.id);
        for byte in mac {
            value.extend([byte >> 4, byte & 15].map(|digit| HEX[usize::from(digit)]));
        }
        value
    }

    /// Whether the header's value is ours for this, at `now` in seconds since 1970.
    pub(crate) fn check(&self, value: &str, sealed: &Sealed<'_>, now: u64) -> Result<(), Forgery> {
        let parts: Vec<&str> = value.split(';').collect();
        let [VERSION, id, expires, signature] = parts[..] else {
            return Err(Forgery::Malformed);
        };
        let signature = unhex::<32>(signature, false).ok_or(Forgery::Malformed)?;
        let key = self.0.iter().find(|key| key.id == id);
        let mac = key.ok_or(Forgery::UnknownKey)?.mac(expires, sealed);
        // In constant time.
        if !mac.finalize_verify(&signature) {
            return Err(Forgery::Signature);
        }
        // Only now is it a number of ours.
        match expires.parse::<u64>() {
            Ok(expires) if now <= expires => Ok(()),
            _ => Err(Forgery::Expired),
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|key| &key.id))
            .finish()
    }
}

const HEX: [char; 16] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
];

impl Key {
    fn parse(text: &str) -> Option<Self> {
        let (id, key) = text.split_once(':')?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let is_id = (1..=32).contains(&id.len()) && id.bytes().all(fits);
        let bytes = unhex(key, true)?;
        is_id.then(|| Self {
            id: id.to_owned(),
            bytes,
        })
    }

    fn mac(&self, expires: &str, sealed: &Sealed<'_>) -> HMAC {
        let mut mac = HMAC::new(self.bytes);
        let digest = Hash::hash(sealed.body);
        for field in [
            b"urlfetch-deferred",
            VERSION.as_bytes(),
            self.id.as_bytes(),
            expires.as_bytes(),
            sealed.queue.as_bytes(),
            sealed.task.as_bytes(),
            sealed.method.as_bytes(),
            sealed.path.as_bytes(),
            sealed.content_type,
            &digest,
        ] {
            mac.update(field.len().to_string().as_bytes());
            mac.update(b":");
            mac.update(field);
            mac.update(b",");
        }
        mac
    }
}

/// What stays as it is in a path: what RFC 3986 calls unreserved, and the slash.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// A path and its query in the one spelling that is signed: whoever is between the signer and the checker may have changed what is
/// percent-encoded, or, like WSGI, have decoded it.
pub(crate) fn canonical(path_and_query: &str) -> String {
    let (path, query) = path_and_query
        .split_once('?')
        .unwrap_or((path_and_query, ""));
    let path: Vec<u8> = percent_decode_str(path).collect();
    let mut canonical = percent_encode(&path, KEPT).to_string();
    if !query.is_empty() {
        canonical.push('?');
        canonical.push_str(query);
    }
    canonical
}

fn repeats(keys: &[Key]) -> bool {
    let known = |place: usize| keys[..place].iter().any(|key| key.id == keys[place].id);
    (0..keys.len()).any(known)
}

/// Bytes of their hexadecimal digits; capitals only where they are permitted, so that one value has one spelling.
fn unhex<const N: usize>(text: &str, capitals: bool) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' if capitals => Some(byte - b'A' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
