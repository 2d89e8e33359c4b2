//! What the host asks for itself: a small request out, a small answer back. Whoever asks so can be given another way to ask in a test.

use bytes::Bytes;
use http::{Request, Response};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// How long an answer may take, and how large it may be.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
pub(crate) const MOST: usize = 1 << 20;

/// Sends a request whose URI is absolute, and reads the whole answer. Says in words why there is none.
pub(crate) type Fetch = Arc<
    dyn Fn(Request<Bytes>) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, String>> + Send>>
        + Send
        + Sync,
>;
