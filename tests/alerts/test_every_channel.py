"""What holds for every driver in the registry, whoever wrote it; and that every driver is in it."""

import importlib
import inspect
import pkgutil
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import alerts
from alerts import registry
from alerts.base import CallEvent, ChatDriver, MailDriver, PhoneDriver, TicketDriver, TicketRef, TicketText
from alerts.builtin import BuiltinTickets, TicketBook
from alerts.jira import Jira
from alerts.outcomes import Patience
from alerts.redmine import Redmine
from alerts.request_tracker import RequestTracker
from alerts.sandbox import Behaviour, Response, SandboxExchange
from alerts.servicenow import ServiceNow
from alerts.smtp import MailServer, Security, SmtpMail
from alerts.twilio import Account, TwilioPhone
from alerts.webhook import Webhook
from alerts.zammad import Zammad
from alerts.zendesk import Zendesk
from monitor.errors import ConfigError, DeliveryError
from tests.alerts.lines import a_call, an_account
from tests.alerts.sip_phones import a_sip_phone
from tests.alerts.test_request_tracker import a_driver as a_request_tracker
from tests.alerts.test_smtp import Postmaster, a_mail, a_server
from tests.alerts.tickets.all_ends import an_end
from tests.far_ends.sipp import phones, rings_on
from tests.far_ends.twilio import FakeTwilio, Fault

PARTNER = "+390612345678"
NOWHERE = "http://127.0.0.1:1"
SUPPORT = {
    "announcements",
    "answer_texts",
    "answers",
    "base",
    "cleaning",
    "dialling",
    "html_mail",
    "jira_search",
    "jira_texts",
    "languages",
    "marks",
    "notice_texts",
    "outcomes",
    "pages",
    "problems",
    "public_texts",
    "registry",
    "request_tracker_notes",
    "script",
    "signatures",
    "sip_agent",
    "sip_child",
    "sip_journal",
    "sip_lines",
    "sip_outcomes",
    "sip_pipes",
    "sip_sound",
    "sip_talk",
    "sip_voice",
    "sip_wire",
    "speech",
    "status_webhook",  # to who subscribed to the status page: no channel of contacts, and no choice of drivers
    "texts",
    "ticketing_http",
    "twiml",
    "zendesk_notes",
    "wav",
    "work_notices",
}
"""Modules of the package that are no drivers."""


def now() -> datetime:
    return datetime.now(UTC)


class Book:
    """A ticket record in memory, for the built-in driver."""

    def __init__(self) -> None:
        self.tickets: dict[str, TicketRef] = {}
        self.notes: list[tuple[str, str]] = []
        self._numbers = count(1)

    async def find(self, incident: str) -> TicketRef | None:
        return self.tickets.get(incident)

    async def open(self, ticket: TicketText) -> TicketRef:
        ref = TicketRef(reference=f"T-{next(self._numbers)}", status="open")
        return self.tickets.setdefault(ticket.mark, ref)

    async def comment(self, reference: str, text: str) -> None:
        self._of(reference)
        self.notes.append((reference, text))

    async def resolve(self, reference: str, text: str) -> None:
        self.tickets[self._of(reference)] = TicketRef(reference=reference, status="resolved", closed=True)

    def _of(self, reference: str) -> str:
        for incident, ref in self.tickets.items():
            if ref.reference == reference and ref.status != "resolved":
                return incident
        raise DeliveryError("a closed ticket stays closed", permanent=True)


def a_builtin() -> BuiltinTickets:
    book = Book()
    return BuiltinTickets(
        TicketBook(find=book.find, open=book.open, comment=book.comment, resolve=book.resolve)
    )


@pytest.fixture(params=sorted(registry.TICKET_DRIVERS))
async def tickets(request: pytest.FixtureRequest) -> AsyncIterator[TicketDriver]:
    if request.param == "builtin":
        yield a_builtin()
    elif request.param == "request-tracker":
        yield a_request_tracker(request.getfixturevalue("tracker"))
    else:
        async with an_end(request.param, request) as end:
            yield end.driver()


async def ignore(event: CallEvent) -> None:
    pass


@asynccontextmanager
async def a_phone(name: str, *, lost: bool) -> AsyncIterator[tuple[PhoneDriver, Callable[[], int]]]:
    """Give a phone driver whose provider answers or loses its answer, and how many calls it really placed."""
    async with AsyncExitStack() as stack:
        if name == "sandbox":
            default = Behaviour(rings=0, thinks=0, response=Response.LOST if lost else Response.GIVEN)
            exchange = SandboxExchange(ignore, clock=now, default=default)
            yield await stack.enter_async_context(exchange), lambda: len(exchange.calls)
        elif name == "sip":
            assert not lost, "its lost answer is the death of its process: tests/alerts/test_sip_deaths.py"
            folder = Path(stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
            far_end = await stack.enter_async_context(phones(folder / "phones", {PARTNER: rings_on()}))
            phone = await stack.enter_async_context(a_sip_phone(folder, far_end.address, on_event=ignore))
            yield phone, lambda: len(far_end.heard())
        else:
            provider = await stack.enter_async_context(FakeTwilio())
            provider.fault = Fault.DROPPED_AFTER if lost else Fault.NONE
            phone = TwilioPhone(an_account(provider), patience=Patience(connect=1, total=1))
            yield phone, lambda: len(provider.calls)


def unreachable() -> list[tuple[str, object, Callable]]:
    account = Account(base_url=NOWHERE, account_sid="AC1", auth_token="t", number="+15005550006")
    return [
        ("request-tracker", RequestTracker(NOWHERE, token="1"), lambda driver: driver.open(a_ticket())),
        (
            "redmine",
            Redmine(NOWHERE, key="1", project="p", clock=now),
            lambda driver: driver.open(a_ticket()),
        ),
        (
            "jira",
            Jira(NOWHERE, user="a@b.example", token="1", project="SUP", clock=now),
            lambda driver: driver.open(a_ticket()),
        ),
        (
            "servicenow",
            ServiceNow(NOWHERE, token="1", clock=now),
            lambda driver: driver.open(a_ticket()),
        ),
        (
            "webhook",
            Webhook(NOWHERE, secret="1", clock=now),
            lambda driver: driver.open(a_ticket()),
        ),
        (
            "zammad",
            Zammad(NOWHERE, token="1", group="Support", clock=now),
            lambda driver: driver.open(a_ticket()),
        ),
        (
            "zendesk",
            Zendesk(NOWHERE, user="a@b.example", token="1", clock=now),
            lambda driver: driver.open(a_ticket()),
        ),
        ("twilio", TwilioPhone(account), lambda driver: driver.place(a_call())),
        (
            "smtp",
            SmtpMail(
                MailServer(host="127.0.0.1", port=1, sender="a@b.example", security=Security.NONE), clock=now
            ),
            lambda driver: driver.send(a_mail()),
        ),
    ]


def a_ticket(incident: str = "01J-ANY") -> TicketText:
    return TicketText(
        mark=incident,
        partner="aurora",
        requestor="noc@aurora.example",
        subject="PBX-1001",
        body="…",
        language="en",
        cls="critical",
    )


@pytest.mark.parametrize(
    ("table", "seam"),
    [
        (registry.TICKET_DRIVERS, TicketDriver),
        (registry.PHONE_DRIVERS, PhoneDriver),
        (registry.MAIL_DRIVERS, MailDriver),
        (registry.CHAT_DRIVERS, ChatDriver),
    ],
)
def test_every_driver_has_its_seams_members_and_a_name_of_its_own(table: dict, seam: type) -> None:
    members = {name for name in vars(seam) if not name.startswith("_")}
    for name, driver in table.items():
        assert members <= set(dir(driver))
        assert inspect.signature(driver).parameters["name"].default == name
        for member in members - {"name"}:
            assert inspect.signature(getattr(driver, member)) == inspect.signature(getattr(seam, member)), (
                member
            )
            assert inspect.iscoroutinefunction(getattr(driver, member))


def test_every_module_that_is_no_support_is_a_driver_in_a_table() -> None:
    modules = {module.name for module in pkgutil.iter_modules(alerts.__path__)} - SUPPORT
    drivers = [
        *registry.TICKET_DRIVERS.values(),
        *registry.PHONE_DRIVERS.values(),
        *registry.MAIL_DRIVERS.values(),
        *registry.CHAT_DRIVERS.values(),
    ]
    assert {driver.__module__.removeprefix("alerts.") for driver in drivers} == modules
    for name in SUPPORT:
        assert importlib.import_module(f"alerts.{name}").__doc__


def test_every_driver_has_its_page() -> None:
    pages = {page.stem for page in (Path(__file__).parents[2] / "docs" / "channels").glob("*.md")}
    drivers = {
        *registry.TICKET_DRIVERS,
        *registry.PHONE_DRIVERS,
        *registry.MAIL_DRIVERS,
        *registry.CHAT_DRIVERS,
    }
    assert pages == drivers | {"index", "texts"}


async def test_a_ticket_is_opened_found_commented_resolved_and_then_left_alone(tickets: TicketDriver) -> None:
    incident = f"01J-EVERY-{secrets.token_hex(8)}"
    assert await tickets.find(incident) is None
    opened = await tickets.open(a_ticket(incident))
    assert (await tickets.find(incident)) == opened
    await tickets.comment(opened.reference, "we are on it")
    await tickets.resolve(opened.reference, "over")
    found = await tickets.find(incident)
    assert found is not None
    assert (opened.closed, found.reference, found.closed) == (False, opened.reference, True)
    with pytest.raises(DeliveryError) as refused:
        await tickets.comment(opened.reference, "too late")
    assert refused.value.permanent


@pytest.mark.parametrize("name", sorted(registry.PHONE_DRIVERS))
async def test_a_call_that_was_placed_is_found_by_its_id_and_without_it(name: str) -> None:
    async with a_phone(name, lost=False) as (phone, placed):
        begun = now()
        sid = await phone.place(a_call())
        for provider_id in (sid, None):
            found = await phone.lookup(a_call(), since=begun, provider_id=provider_id)
            assert found is not None
            assert (found.attempt, found.provider_id) == ("attempt-1", sid)
        assert placed() == 1


@pytest.mark.parametrize("name", sorted(set(registry.PHONE_DRIVERS) - {"sip"}))
async def test_a_lost_response_is_ambiguous_never_repeated_and_settled_by_asking(name: str) -> None:
    async with a_phone(name, lost=True) as (phone, placed):
        begun = now()
        with pytest.raises(DeliveryError) as lost:
            await phone.place(a_call())
        assert (lost.value.ambiguous, lost.value.permanent) == (True, False)
        assert await phone.lookup(a_call(), since=begun, provider_id=None) is not None
        assert placed() == 1


@pytest.mark.parametrize("name", sorted(registry.PHONE_DRIVERS))
async def test_an_attempt_that_was_never_placed_is_not_found(name: str) -> None:
    async with a_phone(name, lost=False) as (phone, placed):
        assert await phone.lookup(a_call(), since=now(), provider_id=None) is None
        assert placed() == 0


@pytest.mark.parametrize("name", sorted(registry.MAIL_DRIVERS))
async def test_a_mail_is_handed_over_once_and_the_servers_answer_kept(name: str) -> None:
    postmaster = Postmaster()
    async with a_server(postmaster) as port:
        server = MailServer(host="127.0.0.1", port=port, sender="a@b.example", security=Security.NONE)
        driver = registry.MAIL_DRIVERS[name](server, clock=now)
        assert (await driver.send(a_mail())).startswith("250")
    assert len(postmaster.taken) == 1


@pytest.mark.parametrize(
    ("name", "driver", "act"), [pytest.param(*case, id=case[0]) for case in unreachable()]
)
async def test_a_far_end_that_is_not_there_was_not_reached_and_may_be_later(
    name: str, driver: object, act: Callable
) -> None:
    with pytest.raises(DeliveryError) as lost:
        await act(driver)
    assert (lost.value.permanent, lost.value.ambiguous) == (False, False)
    assert len(str(lost.value)) > 10


def test_an_installed_driver_joins_its_table() -> None:
    point = EntryPoint(name="mail.pigeon", value="alerts.smtp:SmtpMail", group=registry.GROUP)
    drivers = registry.with_installed((point,))
    assert drivers.mails["pigeon"] is SmtpMail
    assert set(drivers.tickets) == set(registry.TICKET_DRIVERS)
    assert registry.every_driver().phones.keys() >= registry.PHONE_DRIVERS.keys()


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("pigeon", "alerts.smtp:SmtpMail", "ticket.NAME"),
        ("pager.pigeon", "alerts.smtp:SmtpMail", "ticket.NAME"),
        ("mail.smtp", "alerts.smtp:SmtpMail", "already a mail driver 'smtp'"),
        ("mail.pigeon", "no_such_module:X", "no_such_module"),
        ("mail.pigeon", "alerts.smtp:Pigeon", "Pigeon"),
    ],
)
def test_a_misnamed_or_broken_driver_is_refused_with_its_name(name: str, value: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as wrong:
        registry.with_installed((EntryPoint(name=name, value=value, group=registry.GROUP),))
    assert name in str(wrong.value)
