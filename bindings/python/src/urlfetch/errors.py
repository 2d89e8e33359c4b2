"""The exceptions: App Engine's tree, and what a component needs besides.

ApplicationError
`- Error
   |- DownloadError
   |  |- DeadlineExceededError, DNSLookupFailedError, ConnectionClosedError, TooManyRedirectsError, MalformedReplyError
   |- InvalidURLError
   |  `- PayloadTooLargeError
   |- InternalTransientError, SSLCertificateError, ResponseTooLargeError, InvalidMethodError
   |- CancelledError, RefusedError, UnsupportedError, DeadlockError
   |- InvalidArgumentError        also a ValueError
   `- MisuseError                 also an AssertionError, as in App Engine's SDK
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .result import Result

__all__ = [
    "ApplicationError",
    "CancelledError",
    "ConnectionClosedError",
    "DNSLookupFailedError",
    "DeadlineExceededError",
    "DeadlockError",
    "DownloadError",
    "Error",
    "InternalTransientError",
    "InvalidArgumentError",
    "InvalidMethodError",
    "InvalidURLError",
    "MalformedReplyError",
    "MisuseError",
    "PayloadTooLargeError",
    "RefusedError",
    "ResponseTooLargeError",
    "SSLCertificateError",
    "TooManyRedirectsError",
    "UnsupportedError",
]


class ApplicationError(Exception):
    """A failure that a service reports by number, as App Engine's low-level exception of this name does."""

    application_error: int = 0
    error_detail: str = ""


class Error(ApplicationError):
    """A call that failed, or that was refused before it began.

    `kind` is the name of the WIT's `error-kind`, `phase` that of `phase`; `retryable` is true when the same request may succeed
    later and sending it again does no harm.
    """

    kind: str = "download"
    phase: str = "local"
    retryable: bool = False
    url: str = ""
    response: Result | None = None

    @property
    def code(self) -> int:
        """App Engine's service code, 1 to 13; 0 when there is none."""
        return self.application_error

    @property
    def detail(self) -> str:
        """What happened, for a person."""
        return self.error_detail


class DownloadError(Error):
    """The URL could not be fetched. An HTTP error status is a result and raises nothing."""


class DeadlineExceededError(DownloadError):
    """The deadline passed: one deadline over queueing, every redirect and the body."""


class DNSLookupFailedError(DownloadError):
    """The name of the host was not resolved."""


class ConnectionClosedError(DownloadError):
    """The connection ended before the answer was complete."""


class TooManyRedirectsError(DownloadError):
    """One redirect more than the client follows."""


class MalformedReplyError(DownloadError):
    """The answer is not HTTP, or contradicts itself."""


class InvalidURLError(Error):
    """The URL, or that of a redirect, is not one that may be fetched."""


class PayloadTooLargeError(InvalidURLError):
    """The request has more than 10 MiB, or its headers more than 16 KiB."""


class InternalTransientError(Error):
    """The host had no room for the call just now."""


class SSLCertificateError(Error):
    """TLS failed."""


class ResponseTooLargeError(Error):
    """The content exceeds the client's limit; `response` holds the part that fits, when the body was received."""


class InvalidMethodError(Error):
    """The method is not one of GET, POST, HEAD, PUT, DELETE and PATCH."""


class CancelledError(Error):
    """`Rpc.cancel` was called."""


class RefusedError(Error):
    """The client's policy forbids this destination."""


class UnsupportedError(Error):
    """The host cannot do what was asked."""


class InvalidArgumentError(Error, ValueError):
    """An argument has no meaning. Nothing changed."""


class MisuseError(Error, AssertionError):
    """The call is out of order. Nothing changed."""


class DeadlockError(Error):
    """Nothing in this wait could ever end it."""


BY_KIND: dict[str, type[Error]] = {
    "download": DownloadError,
    "deadline-exceeded": DeadlineExceededError,
    "dns-lookup-failed": DNSLookupFailedError,
    "connection-closed": ConnectionClosedError,
    "too-many-redirects": TooManyRedirectsError,
    "malformed-reply": MalformedReplyError,
    "invalid-url": InvalidURLError,
    "payload-too-large": PayloadTooLargeError,
    "internal-transient": InternalTransientError,
    "ssl-certificate": SSLCertificateError,
    "response-too-large": ResponseTooLargeError,
    "invalid-method": InvalidMethodError,
    "cancelled": CancelledError,
    "refused": RefusedError,
    "unsupported": UnsupportedError,
    "invalid-argument": InvalidArgumentError,
    "misuse": MisuseError,
    "deadlock": DeadlockError,
}


def case_name(case: Any) -> str:
    """The WIT's name of an enum case that a backend gave."""
    return str(case.name).lower().replace("_", "-")


def from_wit(value: Any, argument: str = "") -> Error:
    """The exception for a WIT `fetch-error`, or for a bare `error-kind` with the name of the setting that was refused."""
    from .result import Result

    if not hasattr(value, "kind"):
        return local(case_name(value), f"{argument}: {case_name(value).replace('-', ' ')}")
    kind = case_name(value.kind)
    url = f" ({value.url})" if value.url else ""
    error = BY_KIND[kind](f"{value.detail or kind.replace('-', ' ')}{url}")
    error.kind = kind
    error.phase = case_name(value.phase)
    error.application_error = value.code
    error.error_detail = value.detail
    error.retryable = value.retryable
    error.url = value.url
    error.response = None if value.response is None else Result(value.response)
    return error


def local(kind: str, detail: str) -> Error:
    """An error that never reached the component."""
    error = BY_KIND[kind](detail)
    error.kind = kind
    error.error_detail = detail
    return error
