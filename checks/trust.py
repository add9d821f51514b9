"""How a TLS connection of a check is verified: libcurl settings, and where this machine's authorities are."""

import os
import ssl
from functools import cache
from pathlib import Path
from typing import Final

import pycurl

from checks.curl import Settings

_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # Alpine, macOS, BSD
)


@cache
def system_authorities() -> str | None:
    """Return this machine's bundle of authorities; ``SSL_CERT_FILE`` names another."""
    named = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    return next((path for path in (named, *_BUNDLES) if path and Path(path).is_file()), None)


def tls_settings(*, verify: bool, ca_file: str | None) -> Settings:
    """Return the settings of a verified or an unverified handshake; ``ValueError`` for a missing file."""
    if ca_file is not None and not Path(ca_file).is_file():
        raise ValueError(f"ca_file {ca_file!r} is not a file")
    shown: Settings = ((pycurl.OPT_CERTINFO, 1),)
    if not verify:
        return (*shown, (pycurl.SSL_VERIFYPEER, 0), (pycurl.SSL_VERIFYHOST, 0))
    authorities = ca_file or system_authorities()
    return _verified(authorities) if authorities else shown


@cache
def _verified(authorities: str) -> Settings:
    """Return the same ones for all checks that trust the same: there may be 100,000."""
    return (pycurl.OPT_CERTINFO, 1), (pycurl.CAINFO, authorities)
