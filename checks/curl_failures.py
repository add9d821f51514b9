"""What libcurl's result codes mean for a target: a sentence, and whether the target was reached.

The codes are read, not their English: only for TLS, where the library's words say more than ours could,
are they passed on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from errno import ECONNRESET
from typing import Final

import pycurl

from checks.durations import spell
from checks.texts import tidy
from checks.verdicts import Fault, cannot_look, no_connection, unreachable, wrong

_E_WEIRD_SERVER_REPLY: Final = 8  # which pycurl does not name
_E_TOO_LARGE: Final = 100
CERTIFICATES: Final = {
    9: "is not valid yet",
    10: "has expired",
    18: "is self-signed",
    19: "is signed by an authority that is not trusted",
    20: "is signed by an authority that is not trusted",
    21: "is signed by an authority that is not trusted",
    23: "was revoked",
    62: "is for another name",
    64: "is for another address",
}
"""What is wrong with a certificate, by X509_V_ERR_* as OpenSSL numbers them."""
_WRONG: Final = {
    pycurl.E_UNSUPPORTED_PROTOCOL: "{place} answered something that is not HTTP",
    _E_WEIRD_SERVER_REPLY: "{place} answered something that is not HTTP",
    pycurl.E_PARTIAL_FILE: "{place} ended its answer before the announced length",
    pycurl.E_BAD_CONTENT_ENCODING: "{place} sent a body that cannot be decompressed",
    _E_TOO_LARGE: "{place} sent headers without end",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What was tried, for the sentence: ``place`` is the resolved address and port."""

    place: str
    host: str
    timeout: float
    tls: bool


def explain(code: int, handle: pycurl.Curl, attempt: Attempt) -> Fault:
    """Return the fault a failed transfer stands for."""
    reader = _READERS.get(code)
    if reader is not None:
        return reader(handle, attempt)
    sentence = _WRONG.get(code)
    if sentence is not None:
        return wrong(sentence.format(place=attempt.place))
    return unreachable(f"no answer from {attempt.place}: {_library_words(handle)}")


def _silence(handle: pycurl.Curl, attempt: Attempt) -> Fault:
    """Say how far it had come when the time was over."""
    return unreachable(f"{_reached(handle, attempt)} within {spell(attempt.timeout)}")


def _reached(handle: pycurl.Curl, attempt: Attempt) -> str:
    if not handle.getinfo(pycurl.CONNECT_TIME_T):
        return f"no connection to {attempt.place}"
    if attempt.tls and not handle.getinfo(pycurl.APPCONNECT_TIME_T):
        return f"{attempt.place} did not finish the TLS handshake"
    if not handle.getinfo(pycurl.RESPONSE_CODE):
        return f"no answer from {attempt.place}"
    return f"{attempt.place} did not finish its answer"


def _refused_certificate(handle: pycurl.Curl, attempt: Attempt) -> Fault:
    certificate = f"the certificate of {attempt.place}"
    if "subject name" in handle.errstr():  # libcurl's own comparison leaves OpenSSL's result untouched
        return unreachable(f"{certificate} is for another name than {attempt.host}")
    said = CERTIFICATES.get(handle.getinfo(pycurl.SSL_VERIFYRESULT))
    return unreachable(f"{certificate} {said or f'was refused: {_library_words(handle)}'}")


def _no_handshake(handle: pycurl.Curl, attempt: Attempt) -> Fault:
    return unreachable(f"the TLS handshake with {attempt.place} failed: {_library_words(handle)}")


def _no_connection(handle: pycurl.Curl, attempt: Attempt) -> Fault:
    return no_connection(attempt.place, handle.getinfo(pycurl.OS_ERRNO))


def _broken_off(handle: pycurl.Curl, attempt: Attempt) -> Fault:
    """Tell a target that breaks off at once from one that breaks off in the middle of an answer."""
    if "headers" in handle.errstr().lower():
        return wrong(f"{attempt.place} sent headers without end")
    manner = "reset" if handle.getinfo(pycurl.OS_ERRNO) == ECONNRESET else "broke off"
    if handle.getinfo(pycurl.RESPONSE_CODE):
        return wrong(f"{attempt.place} {manner} the connection during its answer")
    return unreachable(f"{attempt.place} {manner} the connection without an answer")


def _nothing(_handle: pycurl.Curl, attempt: Attempt) -> Fault:
    return unreachable(f"{attempt.place} closed the connection without an answer")


def _not_ours(handle: pycurl.Curl, _attempt: Attempt) -> Fault:
    return cannot_look(f"could not look: {_library_words(handle)}")


def _no_way_out(_handle: pycurl.Curl, _attempt: Attempt) -> Fault:
    return cannot_look("could not look: this vantage has no way out to there")


def _library_words(handle: pycurl.Curl) -> str:
    """Return libcurl's message without OpenSSL's error numbers: ``tlsv1 alert protocol version``."""
    words = handle.errstr().rsplit("::", 1)[-1].strip()
    return tidy(words) or "no reason given"


_READERS: Final[dict[int, Callable[[pycurl.Curl, Attempt], Fault]]] = {
    pycurl.E_OPERATION_TIMEDOUT: _silence,
    pycurl.E_PEER_FAILED_VERIFICATION: _refused_certificate,
    pycurl.E_COULDNT_CONNECT: _no_connection,
    pycurl.E_SSL_CONNECT_ERROR: _no_handshake,
    pycurl.E_RECV_ERROR: _broken_off,
    pycurl.E_SEND_ERROR: _broken_off,
    pycurl.E_GOT_NOTHING: _nothing,
    pycurl.E_SSL_CACERT_BADFILE: _not_ours,
    pycurl.E_FAILED_INIT: _not_ours,
    pycurl.E_INTERFACE_FAILED: _no_way_out,
    pycurl.E_OUT_OF_MEMORY: _not_ours,
}
