//! The judgement of a redirect: a head goes in, what to do about it comes out, and nothing else happens. Semantics.md section 10.
use alloc::string::String;

use crate::{
    ErrorKind, Method, Policy,
    request::NO_UNVALIDATED_TLS,
    text::{join, shown},
    url::{Scheme, Url},
};

/// What is to be done about a head.
#[derive(Debug)]
pub(crate) enum Judgement {
    /// It is the answer.
    Deliver,
    /// Ask there instead.
    Follow {
        url: Url,
        method: Method,
        /// Whether scheme, host or port change: credentials then stay behind (10.7).
        leaves_origin: bool,
    },
    /// The call has failed.
    Fail {
        kind: ErrorKind,
        detail: String,
        /// Where the redirect led, when that is what is wrong.
        url: Option<Url>,
    },
}

/// A redirect to judge.
pub(crate) struct Attempt<'a> {
    pub(crate) status: u16,
    pub(crate) location: Option<&'a [u8]>,
    /// The URL that answered, and by which method it was asked.
    pub(crate) url: &'a Url,
    pub(crate) method: Method,
    /// Redirects followed so far.
    pub(crate) followed: usize,
    /// Whether the caller waived certificate validation.
    pub(crate) unvalidated: bool,
}

impl Attempt<'_> {
    /// Judges it by the policy.
    pub(crate) fn judge(&self, policy: &Policy) -> Judgement {
        let rewrites = match self.status {
            301..=303 => true,
            307 => false,
            308 if policy.follow_308 => false,
            _ => return Judgement::Deliver,
        };
        let fail = |kind, detail, url| Judgement::Fail { kind, detail, url };
        if self.followed >= policy.max_redirects() as usize {
            return fail(
                ErrorKind::TooManyRedirects,
                "one redirect more than the client follows".into(),
                None,
            );
        }
        let Some(location) = self.location else {
            return fail(
                ErrorKind::MalformedReply,
                "a redirect without location".into(),
                None,
            );
        };
        let url = match self.url.resolve(location, policy.url_limits()) {
            Ok(url) => url,
            Err(error) => {
                let shown = shown(location, 200);
                let detail = join(&["redirect to \"", &shown, "\": ", &error.text()]);
                return fail(ErrorKind::InvalidUrl, detail, None);
            }
        };
        if let Err(detail) = policy.permits(&url) {
            return fail(ErrorKind::Refused, detail, Some(url));
        }
        if self.unvalidated && url.scheme() == Scheme::Https && !policy.validate_anyway {
            return fail(ErrorKind::Unsupported, NO_UNVALIDATED_TLS.into(), Some(url));
        }
        let stays = !rewrites || matches!(self.method, Method::Get | Method::Head);
        Judgement::Follow {
            method: if stays { self.method } else { Method::Get },
            leaves_origin: url.origin() != self.url.origin(),
            url,
        }
    }
}
