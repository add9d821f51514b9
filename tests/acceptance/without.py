"""A service whose ticket system, telephone and mail server are at the other end of lines that can be down.

    async with somebody(folder, database) as far, far.service() as world: await far.go(Away.SILENT, world)

The drivers are the real ones, with no patience while nobody answers; leaving ``far.service()`` and entering it again is a restart.
"""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from alerts.outcomes import Patience
from alerts.request_tracker import RequestTracker
from alerts.smtp import SmtpMail
from alerts.twilio import TwilioPhone
from monitor import wiring
from monitor.storage import deliveries
from monitor.storage.deliveries import DeliveryLine
from monitor.storage.lists import Wanted
from tests.acceptance.world import MovableClock, World, read
from tests.crash.far_ends import FakeTracker, MailServer
from tests.crash.victim import free_port
from tests.factories import an_id
from tests.far_ends.line import Away, Line, a_line
from tests.far_ends.twilio import FakeTwilio, PlacedCall

PATIENT = 5.0
BY_MAIL = {Away.ERROR: Away.CLOSING, Away.BUSY: Away.NO_SERVICE}
"""How a mail server says what a web server says in that way."""
NADIA = "nadia@tocsin.example"
PARTNERS = ("aurora", "birch", "cedar", "dune", "elm")
NUMBERS = {name: f"+39046123450{place}" for place, name in enumerate(PARTNERS)}
ON_CALL = "+498998765432"

CONFIGURATION = """
service: {{name: Tocsin, zone: Europe/Rome, public_url: "http://127.0.0.1:{here}"}}
phone:
  driver: twilio
  from: "+15005550006"
  twilio: {{account_sid: {account}, auth_token: {token}, base_url: "http://127.0.0.1:{phone}"}}
tickets:
  driver: request-tracker
  request_tracker: {{url: "http://127.0.0.1:{tickets}", queue: General, token: only-on-the-loopback}}
mail: {{host: 127.0.0.1, port: {mail}, security: none, from: noc@tocsin.example}}
contact:
  rates: {{ticket: {{per_second: 1, burst: 1}}, phone: {{per_second: 1, burst: 1}}}}
on_call:
  engineers: [{{id: nadia, name: Nadia Brandt, phone: "{on_call}", email: {nadia}, language: en}}]
  fallback: nadia
checks_defaults: {{every: 60s, timeout: 5s, down_after: 1, up_after: 1}}
partners:
"""
PARTNER = """  - {{id: {name}, name: {name} Telecom, policy: wildix, tier: gold, country: IT, language: it, contacts: [
      {{id: {name}-one, name: Somebody, phone: "{number}", email: one@{name}.example, languages: [it]}}]}}
"""
SYSTEM = """  - {{serial: {name}-{kind}, name: {name} {kind}, partner: {name}, country: IT, cloud: {name}-{kind}, component: {name}-{kind}}}
"""
COMPONENT = "  - {{id: {name}-{kind}, name: Cloud of {name} {kind}}}\n"
CHECK = """  - {{name: {name}-{kind}, type: tcp, system: {name}-{kind}, target: "127.0.0.1:9", symptom: {symptom}}}
"""
SYMPTOMS = {"down": "unreachable", "slow": "degraded"}


def configuration(**given: object) -> str:
    """Write the configuration: each partner has a system that will be down and one that will be slow."""
    each = [(name, kind) for name in PARTNERS for kind in SYMPTOMS]
    return "".join((
        CONFIGURATION.format(**given, nadia=NADIA, on_call=ON_CALL),
        *(PARTNER.format(name=name, number=NUMBERS[name]) for name in PARTNERS),
        "systems:\n", *(SYSTEM.format(name=name, kind=kind) for name, kind in each),
        "components:\n", *(COMPONENT.format(name=name, kind=kind) for name, kind in each),
        "checks:\n", *(CHECK.format(name=name, kind=kind, symptom=SYMPTOMS[kind]) for name, kind in each),
    ))  # fmt: skip


class Telephone(FakeTwilio):
    """The provider, by the clock that is moved."""

    clock: MovableClock

    def _spawn(self, call: PlacedCall, work: object = None) -> None:
        if work is None:
            call.created = self.clock()
        super()._spawn(call, work)  # type: ignore[arg-type] # handed on as it came


@dataclass(repr=False)
class Served(World):
    """A world whose telephone is the provider's."""

    telephone: Telephone = field(kw_only=True)
    __repr__ = object.__repr__

    def __post_init__(self) -> None:
        """Have no sandbox."""

    async def deliver(self) -> None:
        delivery = self.service.delivery
        while True:
            await delivery.settle()
            sent = await delivery.drain()
            await self.telephone.settled()
            if not sent:
                break
        await delivery.gate.raise_alarms()

    async def passes_by_the_minute(self, minutes: int) -> None:
        """Let time pass; whatever may be tried anew is, once a minute."""
        for _ in range(minutes):
            self.clock.forward(60)
            await self.tick()

    def waits_for(self, seconds: float) -> None:
        """Have the drivers wait so long for an answer."""
        tickets, phone, mail = self.service.delivery.tickets, self.service.phone, self.service.delivery.mail
        assert isinstance(tickets, RequestTracker)
        assert isinstance(phone, TwilioPhone)
        assert isinstance(mail, SmtpMail)
        tickets._patience = phone._patience = Patience(connect=seconds, total=seconds)
        mail._server = replace(mail._server, timeout=seconds)

    async def waiting(self, **wanted: object) -> list[DeliveryLine]:
        """Return what the board and ``/api/v1/deliveries`` say of what waits."""
        wants = Wanted(equal={"state": "waiting", **wanted}, requests=True)
        rules = self.service.delivery.gate.rules
        page = await self.service.store.read(deliveries.list_deliveries, wants, self.clock(), rules, None)
        return list(page.items)


@dataclass
class FarEnds:
    """The far ends, the lines to them, and the clock that outlives the service."""

    folder: Path
    database: str
    clock: MovableClock
    tracker: FakeTracker
    telephone: Telephone
    mails: MailServer
    tickets: Line
    phone: Line
    mail: Line
    patience: float = PATIENT

    async def go(self, away: Away | None, world: "Served") -> None:
        """Be away all together, each in its way; a black hole is waited for only a moment."""
        for line in (self.tickets, self.phone, self.mail):
            await line.goes(BY_MAIL.get(away, away) if line is self.mail and away else away)
        self.patience = 0.05 if away is Away.SILENT else PATIENT
        world.waits_for(self.patience)

    @asynccontextmanager
    async def service(self) -> AsyncIterator[Served]:
        """Assemble the service over the record."""
        here = free_port()
        path = self.folder / "tocsin.yaml"
        ports = {"here": here, "tickets": self.tickets.port, "phone": self.phone.port, "mail": self.mail.port}
        account = {"account": self.telephone.account, "token": self.telephone.token}
        path.write_text(configuration(**ports, **account))
        async with wiring.assemble(
            read(path, self.clock), database=self.database, clock=self.clock, ids=an_id
        ) as made:
            runner = web.AppRunner(made.web, access_log=None, shutdown_timeout=0.01)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", here).start()
            try:
                world = Served(service=made, clock=self.clock, path=path, telephone=self.telephone)
                world.waits_for(self.patience)
                await made.delivery.settle(after_restart=made.store.dialect == "sqlite")
                yield world
            finally:
                await runner.cleanup()

    def tickets_of(self) -> Counter[str]:
        """Count the tickets in the ticket system by the incident they are of."""
        return Counter(ticket.incident for ticket in self.tracker.tickets)

    def called(self) -> Counter[str]:
        """Count the calls that were placed by the number that rang."""
        return Counter(call.get("To") for call in self.telephone.calls)


@asynccontextmanager
async def somebody(folder: Path, database: str) -> AsyncIterator[FarEnds]:
    """Serve the far ends, each at the end of its line."""
    clock, mails = MovableClock(), MailServer()
    telephone = Telephone()
    telephone.clock = clock
    async with (
        FakeTracker() as tracker,
        telephone,
        mails.serving(),
        a_line(_port(tracker.url), clock) as tickets,
        a_line(_port(telephone.url), clock) as phone,
        a_line(mails.port, clock, greets=True) as mail,
    ):
        yield FarEnds(
            folder=folder,
            database=database,
            clock=clock,
            tracker=tracker,
            telephone=telephone,
            mails=mails,
            tickets=tickets,
            phone=phone,
            mail=mail,
        )


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None, "a server has one"
    return port
