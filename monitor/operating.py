"""What the commands that work on the service do, behind :mod:`monitor.cli`: serve, checks, the record, accounts."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from checks.curl import CurlEngine
from checks.registry import load_check_types
from monitor import configured, wiring
from monitor.asked import meant
from monitor.auditing import sealing_key
from monitor.clock import new_id, system_clock
from monitor.commands import configuration, configuration_here
from monitor.configured import Configured
from monitor.domain.decisions import rfc3339
from monitor.domain.findings import Observation, Verdict
from monitor.domain.inventory import Inventory
from monitor.domain.registered import Registered, overlaid
from monitor.errors import ConflictError, NotFoundError, TocsinError
from monitor.storage import accounts, backup, links, people, public, registry
from monitor.storage.audit import AuditRow, record_audit
from monitor.storage.engine import Store, open_store
from monitor.storage.people import Role
from monitor.web.accounts import hash_password
from statuspage.export import write_static
from statuspage.pages import PublicPages


def serve(path: Path | None, *, host: str | None, port: int | None, data_dir: Path) -> None:
    """Run the service until it is told to stop."""
    where = configuration_here(path)
    given = configuration(where)
    data_dir.mkdir(parents=True, exist_ok=True)
    listen = given.settings.listen
    wiring.run(
        lambda: wiring.serve(
            given,
            data_dir=data_dir,
            host=host or listen.host,
            port=listen.port if port is None else port,
            read_again=lambda: configuration(where),
        )
    )


def check_run(names: Sequence[str], path: Path | None) -> list[dict[str, Any]]:
    """Look once at the named checks, or at all, and return what was seen."""
    given = configuration(configuration_here(path))
    known = {check.name for check in given.settings.checks}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise NotFoundError(f"unknown check {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    return asyncio.run(_look_once(given, frozenset(names) or known))


async def _look_once(given: Configured, names: frozenset[str] | set[str]) -> list[dict[str, Any]]:
    engine = CurlEngine()
    try:
        jobs = configured.jobs(
            given.settings, load_check_types(), replace(configured.UNEQUIPPED, http=engine)
        )
        chosen = [job for job in jobs if job.name in names and job.manner.type != "heartbeat"]
        now = system_clock()
        seen = await asyncio.gather(*(_look(job.check, job.manner.timeout, job.name, now) for job in chosen))
        return [_seen(look) for look in seen]
    finally:
        engine.close()


async def _look(check: Any, timeout: float, name: str, now: datetime) -> Observation:  # noqa: ASYNC109 - the check's own
    try:
        async with asyncio.timeout(timeout):
            found: Observation = await check.observe(now)
            return found
    except TimeoutError:
        return Observation(
            check=name, at=now, verdict=Verdict.DOWN, detail=f"no verdict within {timeout:g} s"
        )


def _seen(look: Observation) -> dict[str, Any]:
    return {
        "check": look.check,
        "verdict": str(look.verdict),
        "symptom": str(look.symptom) if look.symptom else None,
        "detail": look.detail,
        "seconds": round(look.seconds, 6),
        "phases": dict(look.phases),
        "values": dict(look.values),
    }


def told_looks(looks: Sequence[Mapping[str, Any]]) -> str:
    """Say looks as a table."""
    width = max((len(look["check"]) for look in looks), default=5)
    rows = [
        f"{look['check']:<{width}}  {look['verdict']:<9} {look['seconds'] * 1000:8.1f} ms  {look['detail']}"
        for look in looks
    ]
    return "\n".join(rows) or "no checks are configured (heartbeats are pinged, not looked at)"


def database(path: Path | None, data_dir: Path) -> str:
    """Return the record a command works on: the configured one, else SQLite in the data folder."""
    if path is not None:
        return wiring.database_url(configuration(path).settings, data_dir)
    return f"sqlite:///{data_dir / 'tocsin.db'}"


def db_upgrade(path: Path | None, data_dir: Path) -> str:
    """Bring the record up to date."""
    data_dir.mkdir(parents=True, exist_ok=True)
    url = database(path, data_dir)

    async def upgrade() -> None:
        async with open_store(url):
            pass

    asyncio.run(upgrade())
    health = backup.check(url)
    return f"the record is at migration {health.migration}"


def db_backup(file: Path, path: Path | None, data_dir: Path) -> str:
    """Write a backup."""
    copied = backup.backup(database(path, data_dir), file)
    return f"{copied.target}: {copied.size:,} bytes, migration {copied.migration}, checked"


def db_restore(file: Path, path: Path | None, data_dir: Path) -> str:
    """Restore a backup into an empty place."""
    data_dir.mkdir(parents=True, exist_ok=True)
    copied = backup.restore(file, database(path, data_dir))
    return f"restored {copied.source} ({copied.size:,} bytes, migration {copied.migration})"


def db_check(path: Path | None, data_dir: Path) -> tuple[bool, str]:
    """Check the record's integrity."""
    health = backup.check(database(path, data_dir))
    if health.problems:
        return False, "\n".join(health.problems)
    return True, f"the record is sound, at migration {health.migration}"


def user_add(
    name: str,
    role: str,
    password: str | None,
    path: Path | None,
    data_dir: Path,
    *,
    contact: str | None = None,
) -> str:
    """Add a user of the console, or of the portal (``contact``); a password that is made is shown once."""
    if contact is not None:
        _known_contact(contact, path, data_dir)
        role = role if role in people.PARTNERS else Role.PARTNER_ADMIN
    elif role in people.PARTNERS:
        raise TocsinError(f"--role {role} is for a partner's person: name the contact with --contact")
    made = password or people.new_secret()
    try:
        hashed = hash_password(made)
    except ValueError as error:
        raise TocsinError(str(error)) from error

    async def add(store: Store) -> None:
        await store.write(
            people.create_user,
            id=new_id(),
            name=name,
            password_hash=hashed,
            role=Role(role),
            now=system_clock(),
            contact=contact,
        )

    _beside(path, data_dir, add)
    return f"user {name} ({role}) added" + ("" if password else f", password {made}")


def user_reset(name: str, path: Path | None, data_dir: Path) -> str:
    """Take a user's second step away, on the record."""
    had: list[bool] = []

    async def reset(store: Store) -> None:
        had.append(await store.write(accounts.reset, name, system_clock()))

    _beside(path, data_dir, reset)
    return f"user {name} is asked for the password only" + ("" if had[0] else ", as before")


def inventory_in_force(given: Configured, path: Path | None, data_dir: Path) -> Inventory:
    """Return what the configuration says with what is registered laid over it; no record is made for it."""
    url = database(path, data_dir)
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return given.in_force.inventory

    async def read() -> Registered:
        async with open_store(url, beside=True) as store:
            return await store.read(registry.registered)

    return overlaid(given.in_force.inventory, asyncio.run(read()))


def _known_contact(contact: str, path: Path | None, data_dir: Path) -> None:
    """Refuse a contact that nobody knows; without a configuration, any may be named."""
    if path is None:
        return
    found = inventory_in_force(configuration(path), path, data_dir)
    partners = found.partners.values()
    known = [each.id for partner in partners for each in partner.contacts]
    if contact not in known:
        raise NotFoundError(f"--contact: unknown contact {contact!r}{meant(contact, known)}")


def token_create(
    name: str,
    scopes: Sequence[str],
    system: str | None,
    path: Path | None,
    data_dir: Path,
    *,
    dsn: bool,
    contact: str | None = None,
) -> dict[str, Any]:
    """Make a token or a DSN key; its secret is shown once and only its digest kept.

    One that speaks for a customer's ``contact`` may what that person may, and has no scopes.
    """
    if contact is not None:
        _known_contact(contact, path, data_dir)
        scopes = ()
    if system is not None and path is not None:
        known = configuration(path).settings.inventory.systems
        if system not in known:
            raise NotFoundError(f"--system: unknown serial {system!r}{meant(system, list(known))}")
    secret = os.urandom(16).hex() if dsn else people.new_secret("tok_")
    token = new_id()

    async def create(store: Store) -> None:
        await store.write(
            people.create_token,
            id=token,
            name=name,
            secret=secret,
            scopes=("ingest",) if dsn else scopes,
            now=system_clock(),
            system=system,
            kind="dsn" if dsn else "api",
            contact=contact,
        )

    _beside(path, data_dir, create)
    made: dict[str, Any] = {
        "id": token,
        "name": name,
        "token": secret,
        "scopes": sorted(scopes),
        "system": system,
        "contact": contact,
    }
    if dsn:
        scheme, host = _host(path)
        made["dsn"] = f"{scheme}://{secret}@{host}/1"
    return made


def token_list(path: Path | None, data_dir: Path) -> list[dict[str, Any]]:
    """Return what is known of every token, the newest first; nobody knows its secret."""
    found: list[people.Token] = []

    async def read(store: Store) -> None:
        found.extend(await store.read(people.list_tokens))

    _beside(path, data_dir, read)
    return [
        {
            "id": each.id,
            "name": each.name,
            "kind": each.kind,
            "scopes": sorted(each.scopes),
            "system": each.system,
            "contact": each.contact,
            "created_at": rfc3339(each.created_at),
            "revoked_at": rfc3339(each.revoked_at),
        }
        for each in found
    ]


def token_revoke(token: str, path: Path | None, data_dir: Path) -> None:
    """End a token, and put on record that it was ended here; raise NotFoundError."""

    async def revoke(store: Store) -> None:
        now = system_clock()
        await store.write(people.revoke_token, token, now)
        await store.write(
            record_audit, AuditRow(at=now, actor="tocsin token", action="token.revoke", about=token)
        )

    _beside(path, data_dir, revoke)


def rotate_links(path: Path | None, data_dir: Path, *, revoke: bool) -> str:
    """Sign with a new key from now on; the old ones still count unless they are revoked."""

    async def rotate(store: Store) -> None:
        await store.write(links.rotate, os.urandom(links.KEY_BYTES), revoke=revoke)

    _beside(path, data_dir, rotate)
    kept = (
        "Those that are out count no more."
        if revoke
        else "Those that are out go on counting until they expire."
    )
    return f"Links and reply addresses are signed with a new key from now on. {kept}"


def _host(path: Path | None) -> tuple[str, str]:
    """Return scheme and host under which a client reaches us."""
    if path is None:
        return "http", "127.0.0.1:8080"
    settings = configuration(path).settings
    if settings.service.public_url:
        scheme, _, host = settings.service.public_url.partition("://")
        return scheme, host.rstrip("/")
    return "http", f"{settings.listen.host}:{settings.listen.port}"


def _seal(path: Path | None) -> bytes | None:
    """Return the key of the audit's seals; a command without the configuration has none."""
    return None if path is None else sealing_key(configuration(path).settings.secrets)


def _beside(path: Path | None, data_dir: Path, work: Any) -> None:
    data_dir.mkdir(parents=True, exist_ok=True)

    async def run() -> None:
        async with open_store(database(path, data_dir), beside=True, seal=_seal(path)) as store:
            await work(store)

    try:
        asyncio.run(run())
    except ConflictError as error:
        raise TocsinError(str(error)) from error


def status_export(folder: Path, path: Path | None, data_dir: Path) -> str:
    """Write the public site as static files from the record."""
    given = configuration(configuration_here(path))

    async def export() -> int:
        url = wiring.database_url(given.settings, data_dir)
        async with open_store(url, beside=True) as store:
            pages = PublicPages(
                lambda: store.read(public.snapshot, system_clock()),
                system_clock,
                wiring.site(given.settings),
            )
            await pages.refresh()
            return len(write_static(pages, folder))

    return f"{folder}: {asyncio.run(export())} files"
