"""Credentials that were set apart, sealed: AES-256-GCM under the configured key, bound to request and kind.

    1 byte version | 8 bytes key id | 12 bytes nonce | ciphertext and tag

What is sealed for one request cannot be opened as another's. A key that was replaced opens what it sealed as long as
it is listed (``secrets.previous``). Finding them is ``monitor.domain.sealing``; who may read one is decided elsewhere.
"""

import base64
import hashlib
import os
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from monitor.errors import TocsinError
from monitor.settings.intake_sections import Secrets

KEY_BYTES = 32
_VERSION, _ID, _NONCE = b"\x01", 8, 12


class UnsealError(TocsinError):
    """What was sealed cannot be opened: its key is not configured any more, or it is not what it says."""


class Sealer:
    """Seals with the newest key, opens with any of them."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take the keys, the newest first."""
        assert keys, "there is a key"
        assert all(len(key) == KEY_BYTES for key in keys), "keys are checked when the configuration is read"
        self._newest = _key_id(keys[0])
        self._keys = {_key_id(key): AESGCM(key) for key in reversed(keys)}

    def seal(self, value: str, *, request: str, kind: str) -> bytes:
        """Return a value sealed for a request."""
        nonce = os.urandom(_NONCE)
        cipher = self._keys[self._newest].encrypt(
            nonce, value.encode("utf-8", "surrogatepass"), _bound(request, kind)
        )
        return _VERSION + self._newest + nonce + cipher

    def open(self, sealed: bytes, *, request: str, kind: str) -> str:
        """Return what was sealed; UnsealError says why it cannot be."""
        at = len(_VERSION)
        key = self._keys.get(sealed[at : at + _ID])
        if not sealed.startswith(_VERSION) or key is None:
            raise UnsealError("the key that it was sealed with is not configured (secrets.previous)")
        nonce, cipher = sealed[at + _ID : at + _ID + _NONCE], sealed[at + _ID + _NONCE :]
        try:
            return key.decrypt(nonce, cipher, _bound(request, kind)).decode("utf-8", "surrogatepass")
        except (InvalidTag, ValueError) as error:
            raise UnsealError("it was not sealed for this request, or was changed since") from error

    def is_newest(self, sealed: bytes) -> bool:
        """Whether it was sealed with the key that is in use now."""
        return sealed[len(_VERSION) :].startswith(self._newest)


def sealer(settings: Secrets) -> Sealer | None:
    """Return what seals under these settings; None without a key: credentials are dropped then."""
    if settings.key is None:
        return None
    return Sealer([base64.b64decode(key.reveal().strip()) for key in (settings.key, *settings.previous)])


def new_key() -> str:
    """Return a new key, as the configuration takes it."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"tocsin sealing key" + key).digest()[:_ID]


def _bound(request: str, kind: str) -> bytes:
    return f"{request}\x00{kind}".encode()
