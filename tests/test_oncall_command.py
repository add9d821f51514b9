"""``tocsin oncall``: the rota in words and as JSON, with gaps, hand-overs, and overrides on record."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from monitor.cli import main
from monitor.domain.rota import Shift
from monitor.storage import oncall
from monitor.storage.engine import open_store

CONFIGURATION = """
service: {zone: Europe/Rome}
partners: [{id: aurora, policy: wildix, tier: gold, country: IT}]
on_call:
  engineers: [{id: mara, name: Mara Linden, phone: "+4930901820100"}, {id: jon, name: Jón Ek, phone: "+3545812345"}]
  rotation: {name: day, anchor: 2026-01-05T09:00, every: 7d, order: [mara, jon]}
"""
AT = "2026-12-20"


@pytest.fixture
def told(tmp_path, capsys):
    path = tmp_path / "tocsin.yaml"
    path.write_text(CONFIGURATION, encoding="utf-8")

    def run(*options):
        code = main(["oncall", "-c", str(path), "--data-dir", str(tmp_path / "data"), *options])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_it_is_told_in_the_services_zone_with_the_next_hand_over(told):
    code, out, _ = told("--at", AT, "--days", "7")
    assert code == 0
    assert out.splitlines() == [
        "day (Europe/Rome)",
        "  Sun 2026-12-20 00:00  to  Mon 2026-12-21 09:00  Jón Ek",
        "  Mon 2026-12-21 09:00  to  Sun 2026-12-27 00:00  Mara Linden",
        "  next hand-over Mon 2026-12-21 09:00: Jón Ek to Mara Linden",
        "  0 gaps",
    ]


def test_as_json_it_is_one_document_and_a_gap_is_exit_1(told):
    code, out, _ = told("--at", "2025-12-30T00:00:00Z", "--days", "30", "--json")
    said = json.loads(out)
    assert code == 1, "before the anchor nobody is on call"
    assert said["rotations"][0]["gaps"] == [{"from": "2025-12-30T00:00:00Z", "to": "2026-01-05T08:00:00Z"}]
    assert said["rotations"][0]["next"] == {
        "at": "2026-01-12T08:00:00Z", "leaving": "mara", "arriving": "jon",
    }  # fmt: skip


async def _override(url: str) -> None:
    async with open_store(url) as store:
        shift = Shift(
            id="ovr_1",
            rotation="day",
            engineer="mara",
            start=datetime(2026, 12, 20, 8, tzinfo=UTC),
            end=datetime(2026, 12, 20, 9, tzinfo=UTC),
            by="lead",
        )
        await store.write(oncall.add, shift, now=datetime(2026, 12, 1, tzinfo=UTC))


def test_an_override_on_record_counts(told, tmp_path):
    (tmp_path / "data").mkdir()
    asyncio.run(_override(f"sqlite:///{tmp_path / 'data' / 'tocsin.db'}"))
    _, out, _ = told("--at", AT, "--days", "1")
    assert "  Sun 2026-12-20 09:00  to  Sun 2026-12-20 10:00  Mara Linden  (override)" in out.splitlines()


def test_a_moment_that_is_none_is_a_sentence(told):
    code, out, err = told("--at", "tomorrow")
    assert (code, out) == (1, "")
    assert "at: 'tomorrow' is not ISO 8601" in err
