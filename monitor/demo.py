"""``tocsin demo``: the service as it is, over the demo configuration and fleet, with a login made for it."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from alerts.sandbox import Behaviour
from checks.registry import load_check_types
from monitor import configured, demo_scene, fleet, wiring
from monitor.clock import new_id, system_clock
from monitor.configured import Configured
from monitor.settings import shipped
from monitor.storage import people
from monitor.storage.people import Role
from monitor.web.accounts import hash_password
from monitor.wiring import Service

SECRETS = "demo.json"
PARTNERS_PERSON = "aurora-1"
"""The contact of the demo configuration who has a log-in to the portal."""
PHONES = Behaviour(rings=1.5, presses="1", thinks=2.0)
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The login, token and DSN key of a demo's data folder; the same over restarts."""

    noc_user: str
    noc_password: str
    api_token: str
    dsn_key: str
    portal_user: str = "giulia"
    portal_password: str = ""


async def run(data_dir: Path, *, host: str, port: int, as_json: bool) -> None:
    """Run the demo until it is told to stop."""
    keys = keys_of(data_dir)
    async with fleet.fleet(system_clock()) as running:

        def read() -> Configured:
            return configuration(running.ports, system_clock())

        async def ready(service: Service, bound: int) -> None:
            await admit(service, keys)
            await service.rounds.once()
            base = f"http://{host}:{bound}"
            dsn = f"http://{keys.dsn_key}@{host}:{bound}/1"
            await demo_scene.furnish(base, keys.api_token, system_clock())
            print(said(base, dsn, keys, as_json=as_json), flush=True)  # noqa: T201 - the command's answer
            await fleet.script_of_faults(running, base=base, dsn=dsn)

        await wiring.serve(
            read(),
            data_dir=data_dir,
            host=host,
            port=port,
            read_again=read,
            ready=ready,
            exchange_default=PHONES,
        )


def configuration(ports: dict[str, str], now: datetime) -> Configured:
    """Read the demo configuration, with the fleet's ports filled in."""
    return configured.read(
        shipped("demo", "tocsin.yaml"), types=load_check_types(), now=now, environ={**os.environ, **ports}
    )


def keys_of(data_dir: Path) -> Keys:
    """Return the data folder's keys, made at its first start and readable by their owner only."""
    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / SECRETS
    if path.exists():
        kept = Keys(**json.loads(path.read_text(encoding="utf-8")))
        if kept.portal_password:
            return kept
        made = replace(kept, portal_password=people.new_secret())  # the folder is older than the portal
        _write(path, made, os.O_TRUNC)
        return made
    made = Keys(
        noc_user="noc",
        noc_password=people.new_secret(),
        api_token=people.new_secret("tok_"),
        dsn_key=os.urandom(16).hex(),
        portal_password=people.new_secret(),
    )
    _write(path, made, os.O_CREAT | os.O_EXCL)
    return made


def _write(path: Path, keys: Keys, how: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | how, 0o600), "w", encoding="utf-8") as file:
        json.dump({name: getattr(keys, name) for name in Keys.__dataclass_fields__}, file)


async def admit(service: Service, keys: Keys) -> None:
    """Let the demo's users, token and DSN in, once."""
    now = system_clock()
    for name, password, role, contact in (
        (keys.noc_user, keys.noc_password, Role.ADMIN, None),
        (keys.portal_user, keys.portal_password, Role.PARTNER_ADMIN, PARTNERS_PERSON),
    ):
        if await service.store.read(people.find_user, name) is None:
            await service.store.write(
                people.create_user,
                id=new_id(),
                name=name,
                password_hash=hash_password(password),
                role=role,
                now=now,
                contact=contact,
            )
    for name, secret, kind in (("demo", keys.api_token, "api"), ("demo DSN", keys.dsn_key, "dsn")):
        if await service.store.read(people.find_token, secret) is None:
            await service.store.write(
                people.create_token,
                id=new_id(),
                name=name,
                secret=secret,
                scopes=("ingest", "read", "operate", "admin") if kind == "api" else ("ingest",),
                now=now,
                kind=kind,
            )


def said(base: str, dsn: str, keys: Keys, *, as_json: bool) -> str:
    """Say where to look and how to log in."""
    addresses = {
        "status_page": f"{base}/",
        "noc": f"{base}/noc/",
        "metrics": f"{base}/metrics",
        "noc_user": keys.noc_user,
        "noc_password": keys.noc_password,
        "api_token": keys.api_token,
        "dsn": dsn,
        "portal": f"{base}/portal/",
        "portal_user": keys.portal_user,
        "portal_password": keys.portal_password,
    }
    if as_json:
        return json.dumps(addresses)
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    return f"""
{bold}Tocsin is running its demo.{plain} A system breaks in a few seconds; watch the ticket, the call and the page.

  Status page   {addresses["status_page"]}
  NOC board     {addresses["noc"]}     user {keys.noc_user}   password {keys.noc_password}
  Portal        {addresses["portal"]}  user {keys.portal_user}   password {keys.portal_password}
  Metrics       {addresses["metrics"]}

  API token     {keys.api_token}
  Sentry DSN    {dsn}

Stop it with Ctrl-C."""
