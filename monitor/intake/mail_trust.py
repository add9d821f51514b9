"""Whether our own mail server vouches for the sender of a mail (RFC 8601), and nobody else's word for it.

    Authentication-Results: mx.example.org; dmarc=pass header.from=acme.example        added by our server, on top
    Received: from ... by mx.example.org                                                 everything below is a claim

Only results that carry our server's name and stand above the first ``Received`` header count (above as many more as
our server's own filters add, ``own_hops``): a sender can forge any header below it.
"""

import re

from monitor.intake.mail_headers import Mail

_COMMENT = re.compile(r"\([^()]{0,500}\)")
_PAIR = re.compile(
    r"([a-z][a-z0-9._-]{0,60})\s{0,3}=\s{0,3}(\"[^\"]{0,200}\"|[^\s;\"]{1,253})", re.IGNORECASE
)
_LONGEST = 4096


def vouched_for(mail: Mail, sender: str, *, our_name: str | None, own_hops: int = 0) -> bool:
    """Tell whether our server says that the mail comes from the domain in its From."""
    if our_name is None:
        return False
    domain = sender.rpartition("@")[2].lower()
    results = _results(mail, our_name, own_hops)
    dmarc = [result for method, result, _ in results if method == "dmarc"]
    if dmarc:
        return set(dmarc) == {"pass"}
    return any(result == "pass" and _aligned(method, said, domain) for method, result, said in results)


def _results(mail: Mail, our_name: str, own_hops: int) -> list[tuple[str, str, dict[str, str]]]:
    """Return (method, result, properties) of the results that our server added."""
    found: list[tuple[str, str, dict[str, str]]] = []
    hops = 0
    for name, value in mail.raw_items():
        if name.lower() == "received":
            hops += 1
            if hops > own_hops:
                break
        if name.lower() == "authentication-results":
            found += _stated(str(value)[:_LONGEST], our_name)
    return found


def _stated(value: str, our_name: str) -> list[tuple[str, str, dict[str, str]]]:
    server, *statements = _COMMENT.sub(" ", re.sub(r"\s+", " ", value)).split(";")
    if server.split()[:1] != [our_name] and server.strip().lower() != our_name.lower():
        return []
    stated = []
    for statement in statements:
        pairs = [(key.lower(), said.strip('"').lower()) for key, said in _PAIR.findall(statement)]
        if pairs:
            (method, result), *properties = pairs
            stated.append((method, result, dict(properties)))
    return stated


def _aligned(method: str, said: dict[str, str], domain: str) -> bool:
    """Whether what passed is of the sender's own domain, or of one below or above it."""
    named = (
        said.get("header.d") or said.get("header.i", "")
        if method == "dkim"
        else said.get("smtp.mailfrom", "")
    )
    other = named.rpartition("@")[2]
    return (
        bool(other)
        and "." in other
        and (other == domain or other.endswith(f".{domain}") or domain.endswith(f".{other}"))
    )
