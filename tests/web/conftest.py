"""A console and API over a real SQLite record, reached by a real client."""

from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import argon2
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from monitor import desks
from monitor.announcing import Announcer
from monitor.auditing import Auditing
from monitor.bell import Bell
from monitor.domain.inventory import Inventory
from monitor.history import History
from monitor.metrics import Metrics
from monitor.overruling import Overruling
from monitor.owning import Owning
from monitor.recurring import Recurring
from monitor.registering import Registering
from monitor.sealing import Sealer
from monitor.storage import people
from monitor.storage.engine import open_store
from monitor.storage.people import Role
from monitor.web.accounts import Passwords
from monitor.web.live import Pace
from monitor.web.log_ins import LogIns
from monitor.web.setup import setup
from monitor.world import InForce
from monitor.world import World as InForceWorld
from statuspage.preview import preview
from statuspage.views import Site
from tests.web.seeds import NOW, ACheck, APipeline, a_policy, an_inventory

STATUSPAGE = Path(__file__).parents[2] / "statuspage" / "static"  # the shared design system
QUICK = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "correct horse battery"
SITE = Site(components=tuple(an_inventory().components.values()), languages=("en", "it", "de"))


@dataclass
class World:
    """What a test may look at and turn."""

    store: object
    pipeline: APipeline
    bell: Bell
    metrics: Metrics
    client: TestClient
    app: web.Application
    now: object = NOW
    reasons: list = field(default_factory=list)
    problems: tuple = ()
    configured: Inventory = field(default_factory=an_inventory)
    inventory: Inventory = field(default_factory=an_inventory)
    policies: dict = field(default_factory=lambda: {"wildix": a_policy()})
    checks: tuple = (ACheck(),)
    ids: int = 0
    required: tuple = ()
    provider: object = None

    async def seed(self, fn, *args, **kw):
        return await self.store.write(fn, *args, **kw)

    async def user(self, name, role=Role.NOC):
        return await self.store.write(
            people.create_user,
            id=f"u-{name}",
            name=name,
            password_hash=QUICK.hash(PASSWORD),
            role=role,
            now=self.now,
            contact="aurora-1" if role in people.PARTNERS else None,
        )

    async def token(self, *scopes, secret=None):
        secret = secret or "tcs_" + "-".join(scopes or ("none",))
        self.ids += 1
        await self.store.write(
            people.create_token,
            id=f"tok-{self.ids}",
            name=f"t{self.ids}",
            secret=secret,
            scopes=scopes,
            now=self.now,
        )
        return {"Authorization": f"Bearer {secret}"}

    async def log_in(self, name="nora", role=Role.NOC, client=None):
        """Make a user of this role and log in; returns the session's form token."""
        client = client or self.client
        if await self.store.read(people.find_user, name) is None:
            await self.user(name, role)
        answer = await client.post(
            "/noc/login", data={"user": name, "password": PASSWORD}, allow_redirects=False
        )
        assert answer.status == 303, await answer.text()
        cookie = client.session.cookie_jar.filter_cookies(client.make_url("/"))["tocsin"].value
        session = await self.store.read(
            people.find_session, people.digest_of(cookie), now=self.now, idle=timedelta(hours=1)
        )
        return session.csrf

    def another_client(self):
        return TestClient(self.client.server)

    async def told(self):
        return self.pipeline.told


@pytest.fixture
async def world(tmp_path):
    async with a_world(tmp_path) as made:
        yield made


@asynccontextmanager
async def a_world(tmp_path):
    """Put a console over a record of its own; benchmarks fill it with more than a test would."""
    async with open_store(f"sqlite:///{tmp_path}/tocsin.db") as store:
        app = web.Application()
        pipeline = APipeline(store)
        bell, metrics = Bell(), Metrics(version="test")
        client = TestClient(TestServer(app))
        made = World(store=store, pipeline=pipeline, bell=bell, metrics=metrics, client=client, app=app)

        def new_id():
            made.ids += 1
            return f"id-{made.ids}"

        async def health():
            return made.reasons

        async def reload():
            return made.problems

        in_force = InForceWorld(in_force=InForce(inventory=made.inventory, policies={"wildix": a_policy()}))

        pipeline.announcer = Announcer(world=in_force, new_id=new_id)

        def put(registered):
            in_force.configure(replace(in_force.configured, inventory=made.configured))
            made.inventory = in_force.register(registered)
            return made.inventory

        at_desk = desks.Parts(
            world=in_force,
            store=store,
            clock=lambda: made.now,
            new_id=new_id,
            bell=bell,
            metrics=metrics,
        )
        desk = desks.desk(at_desk)
        registering = Registering(
            store=store,
            configured=lambda: made.configured,
            policies=lambda: {"wildix": a_policy()},
            put=put,
            clock=lambda: made.now,
            bell=bell,
        )
        owning = Owning(
            world=in_force,
            store=store,
            registering=registering,
            clock=lambda: made.now,
            new_id=new_id,
            bell=bell,
            metrics=metrics,
        )
        setup(
            app,
            store=store,
            pipeline=pipeline,
            owning=owning,
            auditing=Auditing(store=store, clock=lambda: made.now, metrics=metrics),
            overruled=Overruling(store=store, clock=lambda: NOW, bell=bell, judge=pipeline.judged),
            registering=registering,
            inventory=lambda: made.inventory,
            policies=lambda: made.policies,
            checks=lambda: made.checks,
            bell=bell,
            metrics=metrics,
            clock=lambda: made.now,
            new_id=new_id,
            reload=reload,
            metrics_token=None,
            service_name="Tocsin",
            health=health,
            desk=desk,
            casework=desks.casework(desk, at_desk),
            history=History(world=in_force, store=store, clock=lambda: made.now),
            recurring=Recurring(
                world=in_force,
                store=store,
                clock=lambda: made.now,
                new_id=new_id,
                bell=bell,
                announcer=Announcer(world=in_force, new_id=new_id),
            ),
            log_ins=LogIns(
                sealer=Sealer([b"k" * 32]),
                required=lambda: frozenset(made.required),
                provider=lambda: made.provider,
            ),
            preview=lambda problem: preview(SITE, problem, made.now),
            passwords=Passwords(QUICK),
            live_pace=Pace(heartbeat=0.2, recheck=0.3, gather=0.01, slow=1.0, clients=3),
        )
        app.router.add_static("/static", STATUSPAGE)
        async with client:
            yield made
