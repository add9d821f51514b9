"""The REST API of prepaid incidents: a customer's ledger and statements, purchases and refunds."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Self

from aiohttp import web
from pydantic import Field, StringConstraints

from monitor.domain import ledger as book
from monitor.domain.contract_years import contract_of
from monitor.domain.inventory import Partner
from monitor.domain.ledger import Account, Stamp
from monitor.storage import ledger
from monitor.web import api_inputs as i
from monitor.web.api import actor, next_path, of
from monitor.web.api_models import Out
from monitor.web.auth import audit, may_see_requests, nothing_there, viewer
from monitor.web.openapi import Api
from monitor.web.parts import Parts
from monitor.web.problems import ProblemError

MOST = 1_000_000
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
Partners = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")]
Reference = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f|]+$")]


class LedgerLine(Out):
    """So many incidents into an account, or out of it."""

    account: str
    amount: int


class LedgerEntry(Out):
    """One event; ``incidents`` is by how much it changed the balance.

    ``event``, ``request`` and ``actor`` are told to those of ours who look after requests: a colleague of the
    requester may see that an incident was used, and not on what.
    """

    id: str
    kind: str
    event: str | None
    at: datetime
    incidents: int
    text: str
    actor: str | None
    request: str | None
    of: str | None
    lines: list[LedgerLine]

    @classmethod
    def made_of(cls, entry: book.Entry, *, whole: bool = True) -> Self:
        """Make one of an entry; ``whole`` for those who may know which request it is about."""
        return cls(
            id=entry.id,
            kind=entry.kind,
            event=entry.dedup if whole else None,
            at=entry.at,
            incidents=entry.into(Account.BALANCE),
            text=entry.text,
            actor=entry.actor if whole else None,
            request=entry.request if whole else None,
            of=entry.of,
            lines=[LedgerLine.model_validate(line) for line in entry.lines],
        )


class Ledger(Out):
    """A customer's balance and a page of its entries."""

    partner: str
    balance: int
    items: list[LedgerEntry]
    next: str | None = None


class LedgerStatement(Out):
    """One contract year; ``begins`` and ``ends`` are null where no contract is known: then it is of everything."""

    begins: datetime | None
    ends: datetime | None
    opening: int
    entries: list[LedgerEntry]
    closing: int
    totals: Mapping[str, int]


class LedgerStatements(Out):
    """A customer's statements, the oldest first."""

    partner: str
    balance: int
    contract_from: date | None
    statements: list[LedgerStatement]


class ByPartner(i.In):
    """A path with a customer's id."""

    id: Partners


class LedgerQuery(i.Query):
    """Filters of a ledger."""

    COLUMNS = {"id": "partner"}  # noqa: RUF012 - declared as a ClassVar where it comes from

    id: Partners
    kind: book.Kind | None = None
    request: i.Id | None = None


class NewPurchase(i.In):
    """Incidents that were bought; ``reference`` is the invoice's or order's number and makes it one event."""

    incidents: Annotated[int, Field(ge=1, le=MOST)]
    reference: Reference | None = None
    text: i.Note = ""


class NewRefund(i.In):
    """A charge to give back, or so many ``incidents`` of it; ``reference`` makes it one event."""

    charge: i.Id
    incidents: Annotated[int, Field(ge=1, le=MOST)] | None = None
    reference: Reference | None = None
    text: i.Note = ""


def add_ledger(api: Api) -> None:
    """Declare the ledger."""

    @api.route("GET", "/api/v1/ledger/{id}", errors=(404,))
    async def get_ledger(request: web.Request, params: LedgerQuery) -> Ledger:
        """Read a customer's balance, and its ledger's entries, newest first."""
        partner, store = _own(request, params.id), of(request).store
        whole = may_see_requests(request)
        if params.request is not None and not whole:
            raise nothing_there()
        page = await store.read(ledger.listed, params.wanted())
        return Ledger(
            partner=partner.id,
            balance=await store.read(ledger.balance, partner.id),
            items=[LedgerEntry.made_of(entry, whole=whole) for entry in page.items],
            next=next_path(request, page.next),
        )

    @api.route("GET", "/api/v1/ledger/{id}/statements", errors=(404,))
    async def list_statements(request: web.Request, params: ByPartner) -> LedgerStatements:
        """Read a customer's statements, one for each contract year, oldest first."""
        parts, partner = of(request), _own(request, params.id)
        entries = await parts.store.read(ledger.of_partner, partner.id)
        return statements_of(parts, partner, entries, whole=may_see_requests(request))

    @api.route("POST", "/api/v1/ledger/{id}/purchases", status=201, errors=(404, 409))
    async def enter_purchase(request: web.Request, params: ByPartner, body: NewPurchase) -> LedgerEntry:
        """Enter a purchase, once per reference; an Idempotency-Key may stand for the reference."""
        parts, key = of(request), idempotency_key(request)
        reference = _reference(body.reference, key)
        posted = await parts.store.write(
            ledger.purchase, _stamp(request, params.id, key, body.text or reference), body.incidents,
            reference=reference,
        )  # fmt: skip
        await _audited(request, "ledger.purchase", params.id, posted, reference)
        return LedgerEntry.made_of(posted.entry)

    @api.route("POST", "/api/v1/ledger/{id}/refunds", status=201, errors=(404, 409))
    async def enter_refund(request: web.Request, params: ByPartner, body: NewRefund) -> LedgerEntry:
        """Give back a charge or a part of it, once per reference; an Idempotency-Key may stand for the reference."""
        parts, key = of(request), idempotency_key(request)
        reference = _reference(body.reference, key)
        posted = await parts.store.write(
            ledger.refund, _stamp(request, params.id, key, body.text or reference), body.charge, body.incidents,
            reference=reference,
        )  # fmt: skip
        await _audited(request, "ledger.refund", params.id, posted, reference)
        return LedgerEntry.made_of(posted.entry)


def statements_of(
    parts: Parts, partner: Partner, entries: tuple[book.Entry, ...], *, whole: bool
) -> LedgerStatements:
    """Make a customer's statements of everything in its ledger."""
    contract = contract_of(partner, parts.policies()[partner.policy])
    made = book.statements(partner.id, entries, contract, parts.clock())
    return LedgerStatements(
        partner=partner.id,
        balance=made[-1].closing,
        contract_from=partner.contract_from,
        statements=[
            LedgerStatement(
                begins=year.begins,
                ends=year.ends,
                opening=year.opening,
                entries=[LedgerEntry.made_of(entry, whole=whole) for entry in year.entries],
                closing=year.closing,
                totals={str(account): total for account, total in year.totals.items()},
            )
            for year in made
        ],
    )


def idempotency_key(request: web.Request) -> str | None:
    """Return the sender's key, with or without quotes; None for no header."""
    raw = request.headers.get("Idempotency-Key")
    if raw is None:
        return None
    key = raw.strip().removeprefix('"').removesuffix('"')
    if not _KEY.fullmatch(key):
        raise ProblemError(400, "An Idempotency-Key is 1 to 255 printable ASCII characters.")
    return key


def _reference(given: str | None, key: str | None) -> str:
    reference = given or key
    if reference is None:
        raise ProblemError(
            422, "The request is not valid.", detail="Give a reference, or an Idempotency-Key."
        )
    return reference


def _stamp(request: web.Request, partner: str, key: str | None, text: str) -> Stamp:
    parts = of(request)
    return Stamp(
        id=f"led_{parts.new_id()}",
        partner=_partner(parts, partner).id,
        at=parts.clock(),
        actor=actor(request),
        text=text,
        sent_as=None if key is None else f"{partner}|{key}",
    )


async def _audited(
    request: web.Request, action: str, partner: str, posted: ledger.Posted, reference: str
) -> None:
    if posted.new:
        incidents = posted.entry.into(Account.BALANCE)
        await audit(of(request), actor(request), action, partner, incidents=incidents, reference=reference)


def _own(request: web.Request, id_: str) -> Partner:
    """Return a customer whose ledger whoever asks may see: our people every one, a customer its own."""
    who = viewer(request)
    if not who.staff and who.partner != id_:
        raise nothing_there()
    return _partner(of(request), id_)


def _partner(parts: Parts, id_: str) -> Partner:
    found = parts.inventory().partners.get(id_)
    if found is None:
        raise nothing_there()
    return found
