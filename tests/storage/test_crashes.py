"""Crash reports on record, on both databases."""

import asyncio
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest
import sqlalchemy as sa

from monitor.domain.crashes import CrashGroup, CrashReport, Frame
from monitor.storage import crashes
from monitor.storage import schema as t
from monitor.storage.crashes import Digested, NewCrash

NOW = datetime(2026, 11, 22, 3, 4, 5, 123456, tzinfo=UTC)


def a_report(key: str = "k1", **changes) -> CrashReport:
    return replace(
        CrashReport(id=f"c-{key}", key=key, source="json", at=NOW, digest="d1", message="boom"), **changes
    )


def a_crash(key: str = "k1", *, token: str = "t1", received_at: datetime = NOW, **changes) -> NewCrash:
    known = {name: changes.pop(name) for name in ("system", "group", "folded") if name in changes}
    return NewCrash(report=a_report(key, **changes), token=token, received_at=received_at, **known)


def digested(key: str, system: str | None = "PBX-1", group: str = "v1:g", **changes) -> Digested:
    row = Digested(
        id=f"c-{key}", outcome="inc-1", system=system, mapped_by="serial", group=group, signature="S | f"
    )
    return replace(row, **changes)


async def test_a_report_comes_back_as_it_was(store):
    report = a_report(
        source="sentry", system_hint={"serial": "PBX-1"}, tags={"a": "ü"}, token_system="PBX-1", process="pbxcore",
        version="5.02", signal="SIGSEGV", exception="E", release="pbx@5", environment="prod", level="fatal",
        frames=(Frame(function="f", offset=2**62, in_app=False), Frame(module="m", line=3)),
        fingerprint=("a", "b"), extra={"deep": [{"x": None, "y": 1.5}]},
    )  # fmt: skip
    await store.write(crashes.insert_crashes, [NewCrash(report=report, token="t1", received_at=NOW)])
    (stored,) = await store.read(crashes.undigested, 10)
    assert stored.report == report
    assert (stored.token, stored.received_at, stored.folded) == ("t1", NOW, False)


async def test_the_same_key_again_gives_the_first_id_and_no_second_row(store):
    (first,) = await store.write(crashes.insert_crashes, [a_crash()])
    (again,) = await store.write(crashes.insert_crashes, [a_crash(id="c-other")])
    assert (first.id, first.new, first.same) == ("c-k1", True, True)
    assert (again.id, again.new, again.same) == ("c-k1", False, True)
    assert len(await store.read(crashes.undigested, 10)) == 1


async def test_the_same_key_with_another_body_is_told_apart(store):
    await store.write(crashes.insert_crashes, [a_crash()])
    (again,) = await store.write(crashes.insert_crashes, [a_crash(id="c-other", digest="d2")])
    assert (again.id, again.new, again.same) == ("c-k1", False, False)


async def test_a_body_is_recognised_even_after_its_report_was_folded_away(store):
    await store.write(crashes.insert_crashes, [a_crash()])
    await store.write(crashes.mark_digested, [digested("k1", folded=True, outcome="folded")], NOW)
    (same,) = await store.write(crashes.insert_crashes, [a_crash(id="x")])
    (other,) = await store.write(crashes.insert_crashes, [a_crash(id="y", digest="d2")])
    assert (same.same, other.same) == (True, False)


async def test_without_a_digest_a_key_may_bring_another_body(store):
    await store.write(crashes.insert_crashes, [a_crash(digest="")])
    (again,) = await store.write(crashes.insert_crashes, [a_crash(id="x", digest="")])
    assert again.same


async def test_two_credentials_may_use_the_same_key(store):
    one, two = await store.write(crashes.insert_crashes, [a_crash(), a_crash(token="t2", id="c-2")])
    assert (one.new, two.new) == (True, True)


async def test_a_batch_answers_in_order_with_repeats_inside_and_before_it(store):
    await store.write(crashes.insert_crashes, [a_crash("old")])
    batch = [a_crash("a"), a_crash("old", id="n1"), a_crash("b"), a_crash("a", id="n2")]
    told = await store.write(crashes.insert_crashes, batch)
    assert [(each.id, each.new) for each in told] == [
        ("c-a", True),
        ("c-old", False),
        ("c-b", True),
        ("c-a", False),
    ]


async def test_a_batch_of_two_thousand_goes_in_and_is_recognised(store):
    batch = [a_crash(f"k{n}") for n in range(2000)]
    assert all(each.new for each in await store.write(crashes.insert_crashes, batch))
    again = [a_crash(f"k{n}", id=f"again-{n}") for n in range(2000)]
    assert [each.id for each in await store.write(crashes.insert_crashes, again)] == [
        f"c-k{n}" for n in range(2000)
    ]


async def test_a_race_for_one_key_has_one_winner(store):
    told = await asyncio.gather(
        *(store.write(crashes.insert_crashes, [a_crash(id=f"c-{n}")]) for n in range(20))
    )
    assert sum(each.new for (each,) in told) == 1
    assert len({each.id for (each,) in told}) == 1


async def test_nothing_in_gives_nothing_out(store):
    assert await store.write(crashes.insert_crashes, []) == []
    await store.write(crashes.mark_digested, [], NOW)


async def test_what_was_digested_is_not_offered_again_and_knows_its_outcome(store):
    await store.write(crashes.insert_crashes, [a_crash("a"), a_crash("b"), a_crash("c")])
    assert [s.key for s in await store.write(crashes.undigested, 2, claim=True)] == ["a", "b"]
    await store.write(
        crashes.mark_digested, [digested("a"), digested("b", folded=True, outcome="folded")], NOW
    )
    assert [s.key for s in await store.write(crashes.undigested, 9, claim=True)] == ["c"]
    stored = await store.read(crashes.find_crash, "c-a")
    assert (stored.system, stored.mapped_by, stored.group, stored.signature) == (
        "PBX-1",
        "serial",
        "v1:g",
        "S | f",
    )


async def test_a_folded_report_keeps_its_row_and_lets_its_payload_go(store):
    await store.write(crashes.insert_crashes, [a_crash("a", extra={"big": "x" * 500})])
    await store.write(crashes.mark_digested, [digested("a", folded=True, outcome="folded")], NOW)
    stored = await store.read(crashes.find_crash, "c-a")
    assert (stored.folded, stored.report) == (True, None)
    (line,) = (await store.read(crashes.list_crashes, {}, None, 10)).items
    assert (line.id, line.key, line.message, line.folded, line.outcome) == (
        "c-a",
        "a",
        "boom",
        True,
        "folded",
    )


async def test_a_report_known_to_be_folded_is_stored_without_payload_at_once(store):
    await store.write(crashes.insert_crashes, [a_crash("a", folded=True, group="v1:g", system="PBX-1")])
    (stored,) = await store.read(crashes.undigested, 9)
    assert (stored.report, stored.group, stored.system) == (None, "v1:g", "PBX-1")


async def test_the_payload_is_deflated_json_without_what_has_a_column(store):
    await store.write(crashes.insert_crashes, [a_crash(signal="SIGSEGV")])

    def payload(c: sa.Connection) -> bytes:
        return c.execute(sa.select(t.crashes.c.payload)).scalar_one()

    fields = orjson.loads(zlib.decompress(await store.read(payload)))
    assert fields == {"signal": "SIGSEGV", "frames": [], "digest": "d1"}


async def test_a_group_begins_with_its_first_crash_and_counts_on(store):
    group = CrashGroup(id="v1:g", title="SIGSEGV | f", grouped_by=("frame: f",))
    assert await store.write(crashes.bump_group, group, at=NOW) is True
    assert await store.write(crashes.bump_group, group, at=NOW - timedelta(hours=1), count=5) is False
    assert await store.write(crashes.bump_group, group, at=NOW + timedelta(hours=1)) is False

    def row(c: sa.Connection) -> tuple:
        g = t.crash_groups.c
        return tuple(c.execute(sa.select(g.count, g.first_at, g.last_at, g.title, g.grouped_by)).one())

    hour = timedelta(hours=1)
    assert await store.read(row) == (7, NOW - hour, NOW + hour, "SIGSEGV | f", '["frame: f"]')


async def test_counting_a_group_tells_this_system_from_the_others(store):
    keys = {"a": "PBX-1", "b": "PBX-1", "c": "PBX-2", "d": None, "late": "PBX-1", "other": "PBX-1"}
    rows = [a_crash(k, received_at=NOW - timedelta(hours=2 if k == "late" else 0)) for k in keys]
    await store.write(crashes.insert_crashes, rows)
    marks = [digested(k, system, group="v1:h" if k == "other" else "v1:g") for k, system in keys.items()]
    await store.write(crashes.mark_digested, marks, NOW)
    since = NOW - timedelta(hours=1)
    counts = await store.read(crashes.crash_counts, "PBX-1", "v1:g", since)
    assert (counts.here, counts.everywhere, counts.systems) == (2, 4, 2)
    assert (await store.read(crashes.crash_counts, None, "v1:g", since)).here == 1
    places = [("v1:g", "PBX-1"), ("v1:g", None)]
    seen = await store.read(crashes.counts_by_place, places, since)
    assert seen == {("v1:g", "PBX-1"): 2, ("v1:g", "PBX-2"): 1, ("v1:g", None): 1}


async def test_the_list_is_newest_first_filtered_and_goes_on_where_it_stopped(store):
    await store.write(crashes.insert_crashes, [a_crash(f"k{n}", system=f"PBX-{n % 2}") for n in range(6)])
    first = await store.read(crashes.list_crashes, {"system": "PBX-1"}, None, 2)
    assert [line.key for line in first.items] == ["k5", "k3"]
    rest = await store.read(crashes.list_crashes, {"system": "PBX-1"}, first.next, 2)
    assert [line.key for line in rest.items] == ["k1"]
    assert rest.next is None


@pytest.mark.parametrize("text", ['it\'s "quoted"; DROP TABLE crashes', "\U0001f4a5 boom", "tab\tline\nend"])
async def test_any_text_is_text(store, text):
    await store.write(crashes.insert_crashes, [a_crash(key=text, message=text, tags={text: text})])
    (stored,) = await store.read(crashes.undigested, 1)
    assert (stored.key, stored.report.message, stored.report.tags) == (text, text, {text: text})
