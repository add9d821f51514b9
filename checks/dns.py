"""``dns``: a name server answers a question as it should, over UDP (TCP if the answer is cut), TCP or TLS.

    target (the name server) + question -> query -> answer -> code, flags and records judged

It is the server named as the target that is asked, not this machine's resolver. dnspython writes and reads the
messages; names are resolved, addresses vetted and sockets opened as everywhere in ``checks``.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from checks.base import CheckType, Options, Target, Tools
from checks.conversation import AnsweredWronglyError, ConversationKeys, Correspondent, Talk
from checks.curl import dialler_of
from checks.datagrams import asked
from checks.texts import Pattern, compiled, tidy
from checks.verdicts import Fault, wrong
from monitor.domain.findings import Observation

PORT: Final = 53
TLS_PORT: Final = 853
AGAIN_AFTER: Final = 1.0  # seconds: UDP loses packets
_PAYLOAD: Final = 1232  # bytes of an answer over UDP that no network cuts (DNS flag day 2020)
_SHOWN: Final = 5


def _kind(text: object) -> str:
    kind = str(text).upper()
    try:
        number = dns.rdatatype.from_text(kind)
    except (dns.exception.DNSException, ValueError) as error:
        raise ValueError(f"{text!r} is no type of record: A, AAAA, MX, SRV, TXT …") from error
    if dns.rdatatype.is_metatype(number):
        raise ValueError(f"{kind} is no type of record that can be looked at")
    return kind


def _code(text: object) -> str:
    try:
        return dns.rcode.to_text(dns.rcode.from_text(str(text)))
    except (dns.exception.DNSException, ValueError) as error:
        raise ValueError(f"{text!r} is no answer code: NOERROR, NXDOMAIN, SERVFAIL, REFUSED …") from error


def _name(text: str) -> str:
    try:
        return dns.name.from_text(text).to_text()
    except (dns.exception.DNSException, ValueError) as error:
        raise ValueError(f"{text!r} is no domain name") from error


class RecordRules(BaseModel):
    """What the records of the type that was asked for must be: all that is given must be true."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    equals: Annotated[
        tuple[str, ...] | None, Field(description="The records are these, in any order, and no others.")
    ] = None
    includes: Annotated[tuple[str, ...], Field(description="These are among the records.")] = ()
    excludes: Annotated[tuple[str, ...], Field(description="None of these is.")] = ()
    matches: Annotated[Pattern | None, Field(description="Some record matches this pattern (RE2).")] = None
    at_least: Annotated[int, Field(ge=0, le=1000, description="There are so many or more.")] = 0


class DnsOptions(ConversationKeys):
    """The keys of a ``dns`` check."""

    query: Annotated[str, Field(max_length=255, description="The name asked for."), AfterValidator(_name)]
    record: Annotated[str, BeforeValidator(_kind), Field(description="The type of record asked for.")] = "A"
    transport: Annotated[
        Literal["udp", "tcp", "tls"], Field(description="How the server is asked; `tls` is RFC 7858.")
    ] = "udp"
    rcode: Annotated[
        tuple[Annotated[str, BeforeValidator(_code)], ...],
        BeforeValidator(lambda codes: [codes] if isinstance(codes, str) else codes),
        Field(min_length=1, description="The answer codes that are right."),
    ] = ("NOERROR",)
    records: Annotated[RecordRules | None, Field(description="What the records must be.")] = None
    recursive: Annotated[bool, Field(description="Ask the server to ask others (RD).")] = True
    authoritative: Annotated[
        bool | None, Field(description="Whether the server must answer of its own knowledge (AA).")
    ] = None
    authenticated: Annotated[
        bool | None, Field(description="Whether the server must have verified the answer by DNSSEC (AD).")
    ] = None


Records = Sequence[dns.rdata.Rdata]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expected:
    """The rules about records; records are compared as DNS does, names without regard to case."""

    equals: frozenset[dns.rdata.Rdata] | None
    includes: frozenset[dns.rdata.Rdata]
    excludes: frozenset[dns.rdata.Rdata]
    matches: str | None
    at_least: int

    def complaint(self, found: Records) -> str | None:
        """Return what is wrong with the records as the end of a sentence, or None."""
        there = frozenset(found)
        if self.equals is not None and there != self.equals:
            return f"{_shown(found)}, expected {_shown(self.equals)}"
        if missing := self.includes - there:
            return f"{_shown(found)}, without {_shown(missing)}"
        if unwanted := self.excludes & there:
            return f"{_shown(unwanted)}, which must not be there"
        if self.matches is not None and not any(_matched(self.matches, record) for record in found):
            return f"{_shown(found)}, expected one that matches {tidy(self.matches)!r}"
        if len(found) < self.at_least:
            return f"{_shown(found)}, expected {self.at_least} or more"
        return None


def _matched(pattern: str, record: dns.rdata.Rdata) -> bool:
    return compiled(pattern).search(record.to_text()) is not None


class DnsCheck:
    """Asks one name server one question; holds nothing between looks."""

    __slots__ = ("_expected", "_kind", "_options", "_server")

    def __init__(self, options: DnsOptions, server: Correspondent) -> None:
        """Read what records are expected; raise ``ValueError`` for one that cannot be of the type asked for."""
        self._options, self._server = options, server
        self._kind = dns.rdatatype.from_text(options.record)
        self._expected = _expected(options.records or RecordRules(), self._kind)

    async def observe(self, now: datetime) -> Observation:
        """Ask once and judge the answer."""
        if self._options.transport == "udp":
            return await self._server.observe_at(now, self._by_datagram)
        return await self._server.observe(now, self._by_stream)

    def _query(self) -> dns.message.QueryMessage:
        query = dns.message.make_query(
            self._options.query, self._kind, use_edns=0, payload=_PAYLOAD, want_dnssec=False
        )
        query.flags = dns.flags.RD if self._options.recursive else dns.flags.Flag(0)
        if self._options.authenticated is not None:
            query.flags |= dns.flags.AD  # RFC 6840, section 5.7: tell us
        return query

    async def _by_stream(self, talk: Talk) -> list[Fault]:
        query = self._query()
        with talk.phase("rtt", "answer"):
            wire = query.to_wire()
            await talk.say(struct.pack("!H", len(wire)) + wire)
            (length,) = struct.unpack("!H", await talk.exactly(2))
            response = _read(await talk.exactly(length))
        if not query.is_response(response):
            raise AnsweredWronglyError("answered another question")
        return self._judge(talk, response)

    async def _by_datagram(self, talk: Talk, address: str) -> list[Fault]:
        query = self._query()

        def answer(wire: bytes) -> dns.message.Message | None:
            response = _unless_broken(wire)
            return response if response is not None and query.is_response(response) else None

        talk.step = "answer"
        where = (address, self._server.port)
        response = await asked(talk, where, query.to_wire(), answer, again_after=AGAIN_AFTER)
        if response.flags & dns.flags.TC:
            talk.values["truncated"] = 1
            return await self._server.connected(talk, address, self._by_stream)
        return self._judge(talk, response)

    def _judge(self, talk: Talk, response: dns.message.Message) -> list[Fault]:
        code = dns.rcode.to_text(response.rcode())
        found = _records(response, self._kind)
        talk.values |= {"rcode": code, "records": len(found)}
        if found:
            talk.values["answer"] = tidy(", ".join(_texts(found)), 200)
            talk.values["ttl"] = _ttl(response, self._kind)
        question = f"{self._options.query} {self._options.record}"
        if code not in self._options.rcode:
            return [wrong(f"answered {code} for {question}, expected {' or '.join(self._options.rcode)}")]
        flags = [
            wrong(f"the answer for {question} is {'' if there else 'not '}{word}")
            for wanted, flag, word in (
                (self._options.authoritative, dns.flags.AA, "authoritative"),
                (self._options.authenticated, dns.flags.AD, "verified by DNSSEC"),
            )
            if wanted is not None and (there := bool(response.flags & flag)) is not wanted
        ]
        complaint = self._expected.complaint(found)
        talk.fine = f"{question}: {_shown(found) if found else code}"
        return flags + ([] if complaint is None else [wrong(f"{question} is {complaint}")])


def _read(wire: bytes) -> dns.message.Message:
    response = _unless_broken(wire)
    if response is None:
        raise AnsweredWronglyError("answered something that is not DNS")
    return response


def _unless_broken(wire: bytes) -> dns.message.Message | None:
    try:
        return dns.message.from_wire(wire, ignore_trailing=True, raise_on_truncation=False)
    except (dns.exception.DNSException, ValueError, struct.error):
        return None


def _records(response: dns.message.Message, kind: dns.rdatatype.RdataType) -> Records:
    """Return the records of a type, whatever name they stand under: aliases were followed by the server."""
    return [record for group in response.answer if group.rdtype == kind for record in group]


def _ttl(response: dns.message.Message, kind: dns.rdatatype.RdataType) -> int:
    return min(group.ttl for group in response.answer if group.rdtype == kind)


def _expected(rules: RecordRules, kind: dns.rdatatype.RdataType) -> _Expected:
    return _Expected(
        equals=None if rules.equals is None else frozenset(_as_answered(rules.equals, kind)),
        includes=frozenset(_as_answered(rules.includes, kind)),
        excludes=frozenset(_as_answered(rules.excludes, kind)),
        matches=rules.matches,
        at_least=rules.at_least,
    )


def _as_answered(texts: tuple[str, ...], kind: dns.rdatatype.RdataType) -> Records:
    return [_record(text, kind) for text in texts]


def _record(text: str, kind: dns.rdatatype.RdataType) -> dns.rdata.Rdata:
    """Read a record as a zone file has it: ``10 mx1.example``; names need no dot at their end."""
    name = dns.rdatatype.to_text(kind)
    quoted = f'"{text}"' if name == "TXT" and not text.startswith('"') else text
    try:
        return dns.rdata.from_text(dns.rdataclass.IN, kind, quoted, origin=dns.name.root, relativize=False)
    except (dns.exception.DNSException, ValueError) as error:
        raise ValueError(f"{text!r} is no record of type {name}: {tidy(str(error))}") from error


def _texts(records: Iterable[dns.rdata.Rdata]) -> list[str]:
    return sorted(record.to_text() for record in records)


def _shown(records: Iterable[dns.rdata.Rdata]) -> str:
    texts = _texts(records)
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return (", ".join(tidy(text) for text in texts[:_SHOWN]) or "without records") + more


class DnsType:
    """How ``dns`` is registered."""

    options: type[Options] = DnsOptions

    def build(self, target: Target, options: DnsOptions, tools: Tools) -> DnsCheck:
        """Make a check; raise ``ValueError`` with a sentence for a bad target."""
        secure = options.transport == "tls"
        server = Correspondent(
            target,
            target.target,
            options,
            dialler_of(tools.http),
            port=TLS_PORT if secure else PORT,
            secure=secure,
        )
        return DnsCheck(options, server)


TYPE: CheckType = DnsType()
