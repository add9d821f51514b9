"""W9, to the last byte: a password that comes by mail is in clear in no table, log, page, mail or metric.

Mails with a password in every place they have go through the whole service, with its log at debug; every page and list is
fetched, every mail caught. Then all bytes that exist are searched: the data folder with its write-ahead log, PostgreSQL's
directory with its own, the log, pages, mails. That the search finds what is there is shown by a harmless word beside each.
"""

import base64
import logging
import re
import sys
from email.message import EmailMessage
from pathlib import Path

import argon2
import psycopg
import pytest
import structlog
from aiohttp import DummyCookieJar
from aiohttp.test_utils import TestClient, TestServer

from monitor import logs, sealing
from monitor.desk import FollowUp
from monitor.storage import people
from monitor.storage.people import Role
from monitor.web.rules import RULES
from tests.acceptance.desks import a_file, a_filing
from tests.acceptance.mails import DANISH, a_mail, a_mailed_world
from tests.domain.test_sealing import a_document, a_pdf, zipped
from tests.domain.test_sealing import a_mail as a_forwarded_mail

CORE, HARMLESS = "qzeTrolm", "gentlemark"
QUICK = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
FIELDS = "Version: 2026\nService pack: SP1\nEnglish OK: yes\n"


def password(number):
    return f"Vx{number:02d}!{CORE}"


def said(number):
    return f"{HARMLESS} The password is: {password(number)} for now."


def in_clear():
    """Return every form in which the passwords' common core would stand somewhere in clear."""
    raw = CORE.encode()
    found = {
        raw,
        raw.lower(),
        raw.upper(),
        CORE.encode("utf-16-le"),
        CORE.encode("utf-16-be"),
        raw.hex().encode(),
    }
    for before in range(3):
        whole = base64.b64encode(b"\x00" * before + raw)
        found.add(whole[(8 * before + 5) // 6 : len(whole.rstrip(b"=")) - ((before + len(raw)) % 3 != 0)])
    return found


def attached(content, name, kind="application/octet-stream"):
    message = a_mail(
        f"{FIELDS}\n{HARMLESS} attached",
        Message_ID=f"<{name}@x.example>",
        Subject=f"File {name.split('.')[-1]}",
    )
    main, _, sub = kind.partition("/")
    message.add_attachment(content, maintype=main, subtype=sub, filename=name)
    return message


def of_parts(*parts, **headers):
    """Return a mail of given bodies, each (text, subtype, encoding)."""
    message = a_mail("", **headers)
    message.clear_content()
    (text, subtype, encoding), *others = parts
    message.set_content(text, subtype=subtype, cte=encoding)
    for text, subtype, encoding in others:
        message.add_alternative(text, subtype=subtype, cte=encoding)
    return message


def mails() -> list[EmailMessage]:
    """Return mails that say a password of their own, each in another place."""
    return [
        a_mail(f"{FIELDS}{HARMLESS}", Subject=f"Login: admin / {password(1)}"),
        a_mail(f"{FIELDS}\n{said(2)}\nAgain {password(2)}, and {base64.b64encode(said(2).encode()).decode()}"),
        of_parts((f"<p>{HARMLESS} <b>Password</b>: <i>{password(3)}</i></p>", "html", "quoted-printable"), Message_ID="<3@x.example>"),
        of_parts((f"{HARMLESS} {'x' * 46} {said(4)}", "plain", "quoted-printable"), Message_ID="<4@x.example>"),
        of_parts((f"{FIELDS}\n{said(5)}", "plain", "base64"), Message_ID="<5@x.example>"),
        of_parts((f"{HARMLESS} see below", "plain", "7bit"), (f"<p>{said(6)}</p>", "html", "base64"), Message_ID="<6@x.example>"),
        attached(said(7).encode(), "trace.txt", "text/plain"),
        attached(said(8).encode("utf-16"), "wide.txt", "text/plain"),
        attached(a_document("pass", "word: Vx09!", CORE), "notes.docx"),
        attached(zipped(**{"deep/notes.txt": said(10)}), "notes.zip"),
        attached(a_pdf(f"BT (the password is: )-3({password(11)}) Tj ET".encode()), "notes.pdf"),
        attached(a_forwarded_mail("x" * 40 + " " + said(12), "quoted-printable"), "forwarded.eml", "application/x-eml"),
        attached(b"\x00\x01" + said(13).encode() + b"\x00", "core.bin"),
        attached(b"harmless", f"pw={password(14)}.txt", "text/plain"),
        a_mail(f"{FIELDS}{HARMLESS}", From=f'"password: {password(15)}" <astrid@fjord.example>', Message_ID="<15@x.example>"),
        a_mail(f"{FIELDS}Steps: log in with password {password(16)}\n\n{HARMLESS}"),
        a_mail(f"{HARMLESS} new\n\n> On Tuesday Ann wrote:\n> {said(17)}"),
        a_mail(f"{HARMLESS} {said(18)}", sender="dana@birch.example"),  # refused: no new ticket by mail
        a_mail(f"{HARMLESS} {said(19)}", sender="nemo@sea.example"),  # a stranger
    ]  # fmt: skip


ENDLESS = ("/noc/live", "/noc/events")
LAST = 23  # mails up to 19, a reply 20 and its name 21, the portal 22, a call 23


@pytest.fixture
def log_file(tmp_path, monkeypatch):
    """Log everything at debug to a file, as the service would."""
    path = tmp_path / "tocsin.log"
    with path.open("w", buffering=1) as written:
        monkeypatch.setattr(sys, "stderr", written)
        logs.set_up(as_json=True, level="DEBUG")
        logging.getLogger().setLevel(logging.DEBUG)
        logging.getLogger().addHandler(logging.StreamHandler(written))
        yield path
        logging.getLogger().handlers.clear()
        logging.getLogger().setLevel(logging.WARNING)
        structlog.reset_defaults()


async def everything_happens(post):
    """Take the mails, a reply, a request of the portal's and a call; answer, and send what is owed."""
    for number, message in enumerate(mails()):
        to = DANISH if number < 17 else "support@tocsin.example"
        assert await post.mail(message, to) == {}, number
    answers = await post.written()
    reply_to = next(str(mail["Reply-To"]) for mail in answers if mail["Reply-To"])
    reply = a_mail(said(20), From=f'"pwd={password(21)}" <astrid@fjord.example>', Message_ID="<20@x.example>")
    assert await post.mail(reply, reply_to) == {}
    desk = post.world.service.desk
    fields = {"subject": f"{HARMLESS} no audio", "message": said(22), "system": "PBX-1"}
    filed = await desk.file(a_filing(fields=fields, attachments=(a_file(content=said(22).encode()),)))
    await desk.follow_up(filed.id, FollowUp(text=said(23), channel="phone", author="mara"))
    await post.world.passes_time(minutes=30)
    await post.written()


async def pages(post, folder):
    """Fetch every page and list there is, with every id that there is, as an administrator and by a token."""
    store, now = post.world.service.store, post.world.clock()
    await store.write(
        people.create_user,
        id="u-1",
        name="root",
        password_hash=QUICK.hash("correct horse battery"),
        role=Role.ADMIN,
        now=now,
    )
    await store.write(
        people.create_token,
        id="t-1",
        name="t",
        secret="tcs_read",
        scopes=("read", "operate", "admin"),
        now=now,
    )
    ids = {row["id"] for table in ("requests", "attachments") for row in await post.world.rows(table)}
    references = [f"R-{row['seq']:05d}" for row in await post.world.rows("requests")][:3]
    fetched = {}
    server = TestServer(post.world.service.web)
    async with TestClient(server) as person, TestClient(server, cookie_jar=DummyCookieJar()) as program:
        await person.post("/noc/login", data={"user": "root", "password": "correct horse battery"})
        for path in [*paths(ids, references), "/", "/api/v2/summary.json", "/history", "/feed.atom"]:
            for client, headers in ((person, {}), (program, {"Authorization": "Bearer tcs_read"})):
                answer = await client.get(path, headers=headers, allow_redirects=False)
                if answer.status == 200:
                    fetched[f"{path} {bool(headers)}"] = await answer.read()
    assert any("/metrics" in path for path in fetched)
    return fetched


def paths(ids, references):
    """Yield the paths of all lists, and of everything that is about a request."""
    requests = sorted(one for one in ids if one.startswith("req_"))
    files = sorted(one for one in ids if one.startswith("att_"))
    for method, path in RULES:
        holes = re.findall(r"\{\w+\}", path)
        if method != "GET" or path in ENDLESS or (holes and "request" not in path):
            continue
        filled = [path]
        for hole, those in zip(holes, ([*requests, *references], files), strict=False):
            filled = [one.replace(hole, id_) for one in filled for id_ in those]
        yield from filled


def on_disk(folder, database_url):
    """Return every file of the record, its write-ahead log included."""
    if database_url.startswith("sqlite"):
        return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        (directory,) = connection.execute("SHOW data_directory").fetchone()
    files = [path for path in [*Path(directory).rglob("*"), *folder.rglob("*")] if path.is_file()]
    return {str(path): path.read_bytes() for path in files}


async def test_w9_no_byte_of_a_password_is_left_in_clear(tmp_path, database_url, log_file):
    await nothing_is_left(tmp_path, database_url, log_file, keyed=True)


@pytest.mark.sampled(2, turns=True)
async def test_w9_without_a_key_no_byte_of_a_password_is_left_at_all(tmp_path, sqlite_url, log_file):
    await nothing_is_left(tmp_path, sqlite_url, log_file, keyed=False)


async def nothing_is_left(tmp_path, database_url, log_file, *, keyed):
    key = sealing.new_key()
    more = f"secrets: {{key: {key}}}" if keyed else ""
    async with a_mailed_world(tmp_path, database_url, more=more) as post:
        await everything_happens(post)
        fetched = await pages(post, tmp_path)
        files = on_disk(tmp_path, database_url)
        mailed = {f"mail {n}": raw for n, raw in enumerate(post.sink.raw)}
        mailed |= {
            f"mail {n} part {at}": part.get_payload(decode=True) or b""
            for n, m in enumerate(post.sink.mails)
            for at, part in enumerate(m.walk())
            if not part.is_multipart()
        }
        kept = await post.world.rows("secrets")
        where = {**files, **fetched, **mailed}

    assert found(where, in_clear()) == []

    for there in (files, fetched, mailed):  # the search does find what is there
        assert found(there, {HARMLESS.encode()})
    assert "mail.taken_in" in log_file.read_text()

    opened = set()
    box = sealing.Sealer([base64.b64decode(key)])
    for row in kept:
        assert (row["sealed"] is not None) is keyed
        if keyed:
            opened.add(box.open(bytes(row["sealed"]), request=row["request"], kind=row["kind"]))
    if keyed:  # and every one of the passwords was there, and is kept where it should be
        said_once = "\n".join(sorted(opened))
        missing = [n for n in range(1, LAST + 1) if password(n) not in said_once]
        assert missing == []


def found(where, forms):
    """Return where one of the forms stands."""
    return [
        (place, form, content[max(0, at - 150) : at + 30])
        for place, content in where.items()
        for form in forms
        if (at := content.find(form)) >= 0
    ]
