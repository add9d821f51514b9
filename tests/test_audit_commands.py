"""``tocsin audit``: a log that holds, one that was touched, and all of it as a file."""

import json
import sqlite3
from datetime import UTC, datetime

import pytest

from monitor import sealing
from monitor.cli import main
from monitor.storage import audit
from monitor.storage.audit import AuditRow
from monitor.storage.engine import open_store

NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)


@pytest.fixture
async def folder(tmp_path):
    async with open_store(f"sqlite:///{tmp_path / 'tocsin.db'}") as store:
        for n in range(3):
            await store.write(audit.record_audit, AuditRow(at=NOW, actor="nora", action=f"a{n}"))
    return tmp_path


def test_verify_says_that_a_log_is_whole_and_what_it_could_not_check(folder, capsys):
    assert main(["audit", "verify", "--data-dir", str(folder)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("whole: 3 rows, head ")
    assert "seals were not checked" in said
    head = said.split()[4]
    assert main(["audit", "verify", "--data-dir", str(folder), "--anchor", head, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["whole"] is True
    assert main(["audit", "verify", "--data-dir", str(folder), "--anchor", "ab" * 32]) == 1


def test_verify_names_the_first_row_that_does_not_fit_and_exits_1(folder, capsys):
    with sqlite3.connect(folder / "tocsin.db") as record:
        record.execute("UPDATE audit SET actor = 'mallory' WHERE seq = 2")
    record.close()
    assert main(["audit", "verify", "--data-dir", str(folder)]) == 1
    assert capsys.readouterr().out.startswith("broken at row 2: does not follow")


def test_verify_with_the_key_refuses_rows_that_it_did_not_seal(folder, capsys):
    config = folder / "tocsin.yaml"
    config.write_text(f"secrets:\n  key: {sealing.new_key()}\n")
    assert main(["audit", "verify", "--data-dir", str(folder), "--config", str(config)]) == 1
    assert "broken at row 1: has no seal" in capsys.readouterr().out


def test_export_writes_every_row_once_and_overwrites_nothing(folder, capsys):
    to = folder / "audit.jsonl"
    assert main(["audit", "export", "--data-dir", str(folder), "--to", str(to)]) == 0
    rows = [json.loads(line) for line in to.read_text().splitlines()]
    assert [row["action"] for row in rows] == ["a0", "a1", "a2"]
    assert f"3 rows, head {rows[-1]['hash']}" in capsys.readouterr().err
    assert main(["audit", "export", "--data-dir", str(folder), "--to", str(to)]) == 2
