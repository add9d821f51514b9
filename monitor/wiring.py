"""The one place where things are put together; the wall clock (monitor.clock) is handed out from here.

A long straight line on purpose: it is a list. What is opened is closed in the opposite order, whatever
happens; every background job hangs from one task group, and one that ends unexpectedly stops the service.
"""

import asyncio
import contextlib
import resource
import signal
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog
import uvloop
from aiohttp import web

from alerts import texts
from alerts.apprise_chat import AppriseChat
from alerts.base import CallEvent, CallScript, PhoneDriver
from alerts.dialling import COUNTRIES
from alerts.sandbox import Behaviour, SandboxExchange, Sleep
from alerts.sip import SipPhone
from alerts.twilio import TwilioPhone
from checks.base import LastPing, Tools
from checks.curl import CurlEngine
from checks.registry import load_check_types
from monitor import (
    alert_parts,
    auditing,
    configured,
    desks,
    drivers,
    garbage,
    hook_parts,
    log_in_parts,
    mail_parts,
)
from monitor.alert_inbox import ORIGIN as OF_AN_ALERT
from monitor.alert_inbox import AlertInbox
from monitor.announcing import Announcer
from monitor.bell import Bell
from monitor.calling import Calling
from monitor.casework import Casework
from monitor.chatting import Chatting
from monitor.clock import Clock, NewId, new_id, system_clock
from monitor.configured import Configured
from monitor.contact_rules import contact_rules
from monitor.delivery import Delivery
from monitor.desk import Desk
from monitor.digest import Digest
from monitor.domain.access import Token
from monitor.domain.crash_trends import TrendLimits
from monitor.domain.findings import Observation, Streak, Verdict, resumed
from monitor.dumps import Dumps, Reading
from monitor.entering import Entering
from monitor.errors import ConfigError, NotFoundError, StorageError
from monitor.gate import Gate
from monitor.history import History
from monitor.intake import calls as call_routes
from monitor.intake import routes as intake_routes
from monitor.intake import tickets as ticket_routes
from monitor.intake.body import Bounds, Limits
from monitor.intake.keys import FindToken
from monitor.intake.remembered import RememberedTokens
from monitor.mail_parts import MailParts
from monitor.metrics import Metrics
from monitor.overruling import Overruling
from monitor.owning import Owning
from monitor.passive import Passive, last_result
from monitor.pipeline import Pipeline
from monitor.publisher import Publisher
from monitor.recurring import Recurring
from monitor.registering import Registering
from monitor.rounds import Rounds
from monitor.scheduler import Job, Scheduler
from monitor.sealing import sealer
from monitor.settings import Settings
from monitor.settling import Settling
from monitor.sight import Sight
from monitor.stackwalk import stackwalk_of, symbols_of
from monitor.storage import caps, editions, incidents, looks, people, public
from monitor.storage.engine import Store, open_store
from monitor.storage.reminders import reminding
from monitor.storms import Storms
from monitor.telling import Telling
from monitor.ticket_sync import TicketSync
from monitor.trends import Trends
from monitor.vantages import Vantages
from monitor.web.accounts import Pace
from monitor.web.auth import address_of
from monitor.web.setup import setup as set_up_web
from monitor.world import World
from monitor.year_ends import YearEnds
from statuspage.board import Site
from statuspage.export import StaticCopy
from statuspage.pages import PublicPages
from statuspage.preview import preview
from statuspage.routes import routes as page_routes
from statuspage.subscribing import routes as subscription_routes

log = structlog.stdlib.get_logger()

STALE_ENGINE = timedelta(seconds=15)
DRAIN_SECONDS = 15.0
DATA = Path("tocsin-data")
_DUMP = Limits().dump


@dataclass(slots=True, kw_only=True)
class Service:
    """The assembled service; ``jobs`` are what runs until it is stopped."""

    web: web.Application
    store: Store
    world: World
    pipeline: Pipeline
    delivery: Delivery
    ticket_sync: TicketSync
    calling: Calling
    digest: Digest
    dumps: Dumps
    alert_inbox: AlertInbox
    rounds: Rounds
    scheduler: Scheduler
    publisher: Publisher
    pages: PublicPages
    desk: Desk
    casework: Casework
    owning: Owning
    overruling: Overruling
    mail_in: MailParts
    phone: PhoneDriver | None
    reload: Callable[[], Awaitable[tuple[str, ...]]]
    jobs: dict[str, Callable[[], Awaitable[None]]]


def database_url(settings: Settings, data_dir: Path) -> str:
    """Return the configured database, or SQLite in the data folder."""
    return settings.database.reveal() if settings.database else f"sqlite:///{data_dir / 'tocsin.db'}"


@asynccontextmanager
async def assemble(  # noqa: PLR0915 - a list of parts, in the order they are needed
    given: Configured,
    *,
    database: str,
    data_dir: Path = DATA,
    read_again: Callable[[], Configured] | None = None,
    clock: Clock = system_clock,
    ids: NewId = new_id,
    exchange_default: Behaviour | None = None,
    exchange_sleep: Sleep = asyncio.sleep,
    failpoint: Callable[[str], None] = lambda _name: None,
) -> AsyncGenerator[Service]:
    """Build the whole service; leaving the context takes it apart again."""
    settings = given.settings
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(
            open_store(database, failpoint=failpoint, seal=auditing.sealing_key(settings.secrets))
        )
        world = World(in_force=given.in_force)
        await store.write(editions.keep, given.in_force.policies.values(), clock())
        bell, metrics = Bell(), Metrics(version=version("tocsin"))

        telling = Telling(world=world, store=store, clock=clock)
        announcer = Announcer(
            world=world,
            new_id=ids,
            public_url=settings.service.public_url,
            sender=settings.mail.sender if settings.mail.host else None,
        )
        storms = Storms(
            world=world,
            store=store,
            clock=clock,
            new_id=ids,
            bell=bell,
            metrics=metrics,
            telling=telling,
            announcer=announcer,
            settling=Settling(world=world, store=store),
            failpoint=failpoint,
        )
        sight = Sight(
            world=world,
            store=store,
            clock=clock,
            new_id=ids,
            bell=bell,
            metrics=metrics,
            who=socket.gethostname(),
        )
        vantages = Vantages(world=world, store=store, clock=clock, new_id=ids, bell=bell, metrics=metrics)
        pipeline = Pipeline(
            world=world,
            announcer=announcer,
            store=store,
            clock=clock,
            new_id=ids,
            bell=bell,
            metrics=metrics,
            storms=storms,
            sight=sight,
            vantages=vantages,
            failpoint=failpoint,
        )
        storms.settling.judge = pipeline.judge
        digest = Digest(
            pipeline=pipeline,
            store=store,
            clock=clock,
            metrics=metrics,
            keep_per_hour=settings.crash.storm_sample,
        )
        trends = Trends(
            world=world,
            store=store,
            bell=bell,
            metrics=metrics,
            new_id=ids,
            limits=TrendLimits(systems=settings.crash.trend_systems),
        )
        digest.touch = trends.touch
        dumps = Dumps(
            digest=digest,
            store=store,
            bell=bell,
            metrics=metrics,
            clock=clock,
            reading=Reading(
                stackwalk=stackwalk_of(settings.crash),
                symbols=symbols_of(settings.crash),
            ),
            kept=timedelta(seconds=settings.crash.dumps_kept),
            failpoint=failpoint,
        )
        registering = Registering(
            store=store,
            configured=lambda: world.configured.inventory,
            policies=lambda: world.in_force.policies,
            put=world.register,
            clock=clock,
            bell=bell,
            regions=lambda: frozenset(late.settings.contact.regions) or None,
        )
        await registering.refresh()
        history = History(
            world=world,
            store=store,
            clock=clock,
            results=settings.history.results,
            room=settings.history.room,
        )
        stack.push_async_callback(history.stop)
        audited = auditing.Auditing(
            store=store, clock=clock, metrics=metrics, keys=auditing.audit_keys(settings.secrets)
        )
        recurring = Recurring(
            world=world, store=store, clock=clock, new_id=ids, bell=bell, announcer=announcer
        )
        rounds = Rounds(
            pipeline=pipeline,
            history=history,
            recurring=recurring,
            registering=registering,
            digest=digest,
            store=store,
            clock=clock,
            bell=bell,
            metrics=metrics,
            new_id=ids,
            year_ends=YearEnds(world=world, store=store, new_id=ids),
        )

        # contact: drivers, calls, the outbox; what is said is compiled now and not when somebody is to be called
        texts.shipped()
        late = _Late(settings)
        parts = drivers.Parts(
            store=store,
            clock=clock,
            on_event=late.call_event,
            say=late.say,
            exchange_default=exchange_default,
            exchange_sleep=exchange_sleep,
            folder=data_dir,
            on_lines=metrics.phone_lines_up,
        )
        public_url = settings.service.public_url
        phone = drivers.phone(settings.phone, public_url, parts)
        if isinstance(phone, SandboxExchange | SipPhone):
            await stack.enter_async_context(phone)
        chat = drivers.chat(lambda: late.settings)
        if isinstance(chat, AppriseChat):
            stack.callback(chat.close)
        rules = contact_rules(settings)
        calling = Calling(
            world=world,
            store=store,
            phone=phone,
            compose=late.compose,
            clock=clock,
            new_id=ids,
            bell=bell,
            metrics=metrics,
            ring_seconds=round(settings.contact.call_ring_time),
            failpoint=failpoint,
            countries=frozenset(settings.contact.regions or COUNTRIES),
        )
        tickets = drivers.tickets(settings.tickets, parts)
        mail = drivers.mail(settings.mail, parts)
        delivery = Delivery(
            world=world,
            store=store,
            tickets=tickets,
            mail=mail,
            chatting=Chatting(driver=chat, failpoint=failpoint),
            letters=await mail_parts.letters(lambda: late.settings, world=world, store=store, clock=clock),
            calling=calling,
            clock=clock,
            new_id=ids,
            bell=bell,
            metrics=metrics,
            gate=Gate(
                world=world,
                store=store,
                clock=clock,
                new_id=ids,
                metrics=metrics,
                driver=drivers.names(tickets, phone, mail, chat),
                rules=rules,
            ),
            failpoint=failpoint,
        )
        stack.push_async_callback(calling.stop)
        late.calling, late.delivery, late.pipeline = calling, delivery, pipeline
        ticket_sync = TicketSync(
            store=store,
            tickets=delivery.tickets,
            clock=clock,
            bell=bell,
            metrics=metrics,
            every=timedelta(seconds=settings.tickets.sync_every),
            failpoint=failpoint,
        )

        # who has what: acknowledgements that run out, hand-overs, what rings is hung up
        owning = Owning(
            world=world,
            store=store,
            registering=registering,
            clock=clock,
            new_id=ids,
            bell=bell,
            metrics=metrics,
        )
        overruling = Overruling(store=store, clock=clock, bell=bell, judge=pipeline.judge)
        pipeline.holds = calling.holds = owning.holds
        pipeline.settled = owning.settled = calling.settled
        rounds.also = owning.once
        rounds.trends = trends.once

        # requests: who takes them in, who works on them
        sealing = sealer(settings.secrets)
        at_desk = desks.Parts(
            world=world,
            store=store,
            clock=clock,
            new_id=ids,
            bell=bell,
            metrics=metrics,
            public_url=public_url,
            planned=pipeline.planned_on,
            reply_address=mail_parts.reply_address(settings.mail_in),
            seal=mail_parts.seal_with(sealing),
            unseal=mail_parts.unseal_with(sealing),
            opens_tickets=lambda: (
                late.settings.tickets.requests and late.settings.tickets.driver != "builtin"
            ),
            failpoint=failpoint,
        )
        desk = desks.desk(at_desk)
        casework = desks.casework(desk, at_desk)
        casework.settled = lambda request: calling.settled("", request=request)
        rounds.reminds = reminding(desks.reminders(desk), missed=False)
        rounds.tells_missed = reminding(desks.reminders(desk), missed=True)
        mail_in = mail_parts.mail_parts(
            lambda: late.settings,
            desk=desk,
            world=world,
            store=store,
            metrics=metrics,
            clock=clock,
            bell=bell,
        )

        # observe: checks and their scheduler
        types = load_check_types()
        curl = CurlEngine()
        stack.callback(curl.close)
        tools = Tools(http=curl, last_ping=_last_ping(store, clock), last_result=last_result(store))
        scheduler = Scheduler(
            clock=clock,
            on_look=_on_look(pipeline),
            metrics=metrics,
            concurrency=settings.checks_defaults.concurrency,
            per_host=settings.checks_defaults.per_host,
        )
        scheduler.replace(configured.jobs(settings, types, tools))
        late.scheduler = scheduler
        pipeline.depending.look_now = late.look_now
        sight.configure(settings.anchors, configured.anchors(settings, types, tools))
        await sight.resume()
        vantages.find = scheduler.job
        vantages.configure(configured.vantages(settings, types, tools, clock), every=settings.anchors.every)
        await vantages.resume()
        await _resume(store, pipeline, settings, clock)
        await history.resume()
        await recurring.configure(settings.maintenance)

        # publish: the public page, rendered on change
        pages = PublicPages(
            lambda: store.read(public.snapshot, clock()),
            clock,
            site(settings),
            freshness=lambda: rounds.last if not settings.checks else None,
        )
        copy = StaticCopy(pages, Path(settings.page.export_to)).renew if settings.page.export_to else None
        publisher = Publisher(pages=pages, bell=bell, on_shown=storms.shown, copy=copy)
        subscribing = hook_parts.subscribing(
            lambda: late.settings,
            hook_parts.Parts(
                world=world,
                store=store,
                clock=clock,
                new_id=ids,
                bell=bell,
                metrics=metrics,
                pages=pages,
                sealer=sealing,
                by_mail=mail is not None,
            ),
            delivery,
        )
        await rounds.refresh_components(clock())
        await pages.refresh()

        async def reload() -> tuple[str, ...]:
            """Put a good configuration in force, or keep the old one and say what is wrong with the new."""
            if read_again is None:
                return ("this service has no configuration file to read again",)
            try:
                fresh = await asyncio.to_thread(read_again)
            except ConfigError as error:
                world.refused = error.problems
                metrics.config_reload_successful.set(0)
                log.error("config.refused", problems=error.problems)  # noqa: TRY400 - it says it all
                bell.ring("config")
                return error.problems
            await store.write(editions.keep, fresh.in_force.policies.values(), clock())
            scheduler.replace(configured.jobs(fresh.settings, types, tools))
            sight.configure(fresh.settings.anchors, configured.anchors(fresh.settings, types, tools))
            vantages.configure(
                configured.vantages(fresh.settings, types, tools, clock), every=fresh.settings.anchors.every
            )
            world.configure(fresh.in_force)
            world.refused = ()
            registering.complain(world.in_force.inventory)
            late.settings = fresh.settings
            delivery.gate.rules = contact_rules(fresh.settings)
            await store.write(caps.look_again, clock())
            bell.ring("outbox")
            pages.site = replace(site(fresh.settings), url=pages.site.url)
            await _resume(store, pipeline, fresh.settings, clock)
            await recurring.configure(fresh.settings.maintenance)
            metrics.config_reload_successful.set(1)
            log.info("config.reloaded", checks=len(fresh.settings.checks))
            bell.ring("config")
            bell.ring("component")
            return ()

        app = web.Application()
        set_up_web(
            app,
            store=store,
            pipeline=pipeline,
            registering=registering,
            inventory=lambda: world.in_force.inventory,
            policies=lambda: world.in_force.policies,
            bell=bell,
            metrics=metrics,
            clock=clock,
            new_id=ids,
            reload=reload,
            metrics_token=settings.metrics.token.reveal() if settings.metrics.token else None,
            service_name=settings.service.name,
            health=_health(store, rounds, clock),
            checks=lambda: late.settings.checks,
            desk=desk,
            casework=casework,
            owning=owning,
            overruled=overruling,
            preview=lambda problem: preview(pages.site, problem, clock()),
            contact=lambda: delivery.gate.rules,
            history=history,
            log_ins=log_in_parts.log_ins(lambda: late.settings, sealing, clock),
            recurring=recurring,
            auditing=audited,
            entering=(
                Entering(world, store, clock, ids, bell, public_url)
                if mail is not None and public_url is not None
                else None
            ),
            news=subscribing,
        )
        app.add_routes(
            intake_routes.routes(
                accept_crash=digest.accept,
                accept_ping=late.accept_ping,
                note_lost=digest.note_lost,
                find_token=_find_token(store, lambda: late.settings),
                clock=clock,
                new_id=ids,
                limits=_limits(settings),
                metrics=metrics,
            )
        )
        alert_inbox = alert_parts.inbox(pipeline, lambda: late.settings)
        await alert_inbox.resume()
        rounds.nobodys = alert_parts.nobodys(pipeline, lambda: late.settings).once
        app.add_routes(
            alert_parts.routes(
                alert_inbox,
                _find_token(store, lambda: late.settings),
                lambda: late.settings,
                Passive(
                    store=store,
                    clock=clock,
                    checks=lambda: late.settings.checks,
                    look_now=scheduler.look_now,
                ),
            )
        )
        app.add_routes(ticket_routes.routes(tickets=delivery.tickets, received=ticket_sync.received))
        callbacks = drivers.callback_url(settings.phone, public_url)
        if isinstance(phone, TwilioPhone) and callbacks:
            app.add_routes(
                call_routes.routes(
                    say=calling.say, on_event=calling.event, verify=phone.verify, public_url=callbacks
                )
            )
        app.add_routes(page_routes(pages))
        if subscribing:
            calm = Pace(burst=20, every=10.0)
            app.add_routes(
                subscription_routes(
                    pages, subscribing, lambda request: calm.allows(address_of(request), clock())
                )
            )

        yield Service(
            web=app,
            store=store,
            world=world,
            pipeline=pipeline,
            delivery=delivery,
            ticket_sync=ticket_sync,
            calling=calling,
            digest=digest,
            dumps=dumps,
            alert_inbox=alert_inbox,
            rounds=rounds,
            scheduler=scheduler,
            publisher=publisher,
            pages=pages,
            desk=desk,
            casework=casework,
            owning=owning,
            overruling=overruling,
            mail_in=mail_in,
            phone=phone,
            reload=reload,
            jobs={
                "scheduler": scheduler.run,
                "anchors": sight.run,
                "vantages": vantages.run,
                "delivery": delivery.run,
                "tickets": ticket_sync.run,
                "rounds": rounds.run,
                "digest": rounds.run_digest,
                "dumps": dumps.run,
                "alerts": alert_inbox.run,
                "publisher": publisher.run,
                "audit": audited.run,
                **({"subscribers": subscribing.run} if subscribing else {}),
            },
        )
        await rounds.save_looks()


class _Late:
    """Ties the two knots in the wiring: drivers report to what is made of them, calls are composed by delivery."""

    calling: Calling
    delivery: Delivery
    pipeline: Pipeline
    scheduler: Scheduler

    def __init__(self, settings: Settings) -> None:
        self.settings = settings  # those in force, after a reload the new ones

    async def call_event(self, event: CallEvent) -> None:
        await self.calling.event(event)

    async def say(self, attempt: str) -> CallScript | None:
        return await self.calling.say(attempt)

    async def accept_ping(
        self,
        uuid: str,
        kind: str,
        *,
        exit_status: int | None = None,
        detail: str = "",
        run: str | None = None,
    ) -> bool:
        """Put a heartbeat on record, and look at its check at once."""
        known = await self.pipeline.accept_ping(uuid, kind, exit_status=exit_status, detail=detail, run=run)
        for check in self.settings.checks if known else ():
            if check.type == "heartbeat" and str(check.options.uuid) == uuid.lower():
                self.look_now(check.name)
        return known

    def look_now(self, check: str) -> None:
        """Look at a check at once, if it is still there."""
        with contextlib.suppress(NotFoundError):
            self.scheduler.look_now(check)

    async def compose(self, due: Any, ring_seconds: int) -> CallScript:
        return await self.delivery.compose_call(due, ring_seconds)


async def _resume(store: Store, pipeline: Pipeline, settings: Settings, clock: Clock) -> None:
    """Take up where we were: streaks, findings that stand, heartbeats; what is not looked at any more ends.

    After an absence of our own the first looks catch up: nothing is believed of those before it.
    """
    await store.write(looks.known_heartbeats, configured.heartbeats(settings), clock())
    known = await store.read(looks.load_check_states)
    standing = await store.read(incidents.open_findings)
    for check in settings.checks:
        if check.name not in pipeline.streaks:
            state = known.get(check.name)
            streak, seen = (state.streak, state.looked_at) if state else (Streak(), None)
            absent = seen is None or clock() - seen > timedelta(seconds=2 * check.every + check.timeout)
            streak = resumed(streak, standing=check.name in standing, absent=absent)
            pipeline.streaks[check.name] = streak
            pipeline.unsaid.add(check.name)
    configured_checks = {check.name for check in settings.checks}
    for origin in standing:
        if origin not in configured_checks and not origin.startswith(("crash:", OF_AN_ALERT)):
            await pipeline.recovered(origin, since=clock(), detail="the check is not configured any more")
    await pipeline.steadying.resume()
    await pipeline.storms.resume(pipeline.streaks)


def _on_look(pipeline: Pipeline) -> Callable[[Job, Observation], Awaitable[Verdict | None]]:
    async def on_look(_job: Job, seen: Observation) -> Verdict:
        return await pipeline.observed(seen)

    return on_look


def _last_ping(store: Store, clock: Clock) -> Callable[[str], Awaitable[LastPing]]:
    async def last_ping(uuid: str) -> LastPing:
        times = await store.read(looks.last_ping, uuid)
        if times is None:
            return LastPing(created_at=clock())
        return LastPing(
            created_at=times.created_at,
            last_success=times.last_success,
            last_failure=times.last_failure,
            last_start=times.last_start,
            exit_status=times.exit_status,
            detail=times.detail,
            running_since=times.running_since,
            duration=times.duration,
        )

    return last_ping


def _find_token(store: Store, settings: Callable[[], Settings]) -> FindToken:
    async def on_record(secret: str, kind: str) -> Token | None:
        known = await store.read(people.find_token, secret, kind=kind)
        if known is None:
            return None
        return Token(id=known.id, scopes=frozenset(str(s) for s in known.scopes), system=known.system)

    remembered = RememberedTokens(on_record)

    async def find_token(secret: str, kind: str) -> Token | None:
        if kind == "dsn":
            for project in settings().sentry.projects:
                if project.key.matches(secret):
                    return Token(id=f"project-{project.id}", system=project.system)
        return await remembered(secret, kind)

    return find_token


def _limits(settings: Settings) -> Limits:
    limits = settings.limits
    return Limits(
        sentry=Bounds(wire=limits.body_wire, inflated=limits.body_inflated),
        dump=replace(_DUMP, wire=limits.body_wire, inflated=min(limits.body_inflated, _DUMP.inflated)),
    )


def site(settings: Settings) -> Site:
    """Return whose page it is, from the settings."""
    page, service = settings.page, settings.service
    return Site(
        title=page.title or service.name,
        url=service.public_url or f"http://{settings.listen.host}:{settings.listen.port}",
        zone=page.time_zone or service.zone,
        description=page.description,
        contact=page.contact,
        writes=bool(service.public_url and settings.mail.host),
        hooks=bool(page.webhooks and service.public_url),
        language=service.language if service.language in page.languages else (*page.languages, "en")[0],
        languages=page.languages,
        components=tuple(settings.inventory.components.values()),
    )


def _health(store: Store, rounds: Rounds, clock: Clock) -> Callable[[], Awaitable[Sequence[str]]]:
    async def health() -> list[str]:
        reasons = []
        try:
            async with asyncio.timeout(3):
                await store.read(incidents.open_counts)
        except (StorageError, TimeoutError) as error:
            reasons.append(f"the record cannot be read: {str(error) or 'no answer within 3 s'}")
        if rounds.last is None:
            reasons.append("the engine has not gone its first round yet")
        elif clock() - rounds.last > STALE_ENGINE:
            reasons.append(f"the engine last went its rounds at {rounds.last.isoformat()}")
        return reasons

    return health


async def run_jobs(service: Service) -> None:
    """Run everything until cancelled; a job that ends by itself is an error and stops the rest."""
    async with asyncio.TaskGroup() as group:
        for name, job in service.jobs.items():
            group.create_task(_never_ends(name, job), name=name)


async def _never_ends(name: str, job: Callable[[], Awaitable[None]]) -> None:
    await job()
    raise RuntimeError(f"background job {name} ended by itself")


@asynccontextmanager
async def listening(service: Service, host: str, port: int) -> AsyncGenerator[int]:
    """Serve HTTP while the context lasts; yields the port, which is chosen by the system when 0."""
    runner = web.AppRunner(
        service.web,
        auto_decompress=False,  # our own bounded inflater reads compressed bodies (monitor.intake.body)
        access_log=None,
        keepalive_timeout=15,
        shutdown_timeout=DRAIN_SECONDS,
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port, backlog=1024).start()
        except OSError as error:
            raise ConfigError(
                [f"cannot listen on {host} port {port} (listen.port): {error.strerror}"]
            ) from error
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def serve(
    given: Configured,
    *,
    data_dir: Path,
    host: str,
    port: int,
    read_again: Callable[[], Configured] | None = None,
    ready: Callable[[Service, int], Awaitable[None]] | None = None,
    exchange_default: Behaviour | None = None,
) -> None:
    """Run the service until SIGTERM or SIGINT; SIGHUP reads the configuration again."""
    database = database_url(given.settings, data_dir)
    async with (
        assemble(
            given,
            database=database,
            data_dir=data_dir,
            read_again=read_again,
            exchange_default=exchange_default,
        ) as service,
        listening(service, host, port) as bound,
        service.mail_in.listening(),
        asyncio.TaskGroup() as group,
    ):
        loop = asyncio.get_running_loop()
        reloads: set[asyncio.Task[tuple[str, ...]]] = set()

        def hang_up() -> None:
            task = group.create_task(_as_coroutine(service.reload()), name="reload")
            reloads.add(task)
            task.add_done_callback(reloads.discard)

        loop.add_signal_handler(signal.SIGHUP, hang_up)
        group.create_task(run_jobs(service), name="jobs")
        if given.settings.service.public_url is None:
            service.pages.site = replace(service.pages.site, url=f"http://{host}:{bound}")
            await service.pages.refresh()
        garbage.settle()
        group.create_task(garbage.run(), name="garbage")
        log.info("service.listening", host=host, port=bound)
        if ready:
            await ready(service, bound)


async def _as_coroutine(work: Awaitable[tuple[str, ...]]) -> tuple[str, ...]:
    return await work


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run to the end, or until SIGTERM or SIGINT; both cancel the one task everything else hangs from."""

    async def until_told_to_stop() -> None:
        task = asyncio.current_task()
        assert task is not None, "we are running"
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        await main()

    _raise_file_limit()
    with contextlib.suppress(asyncio.CancelledError):
        uvloop.run(until_told_to_stop())


def _raise_file_limit() -> None:
    """Take as many open files as we may have: a mass outage keeps thousands of looks in flight."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
