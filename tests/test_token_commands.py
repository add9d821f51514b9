"""``tocsin token``: made, listed without its secret, and ended for a service that runs."""

import asyncio
import json

from monitor.cli import main
from monitor.storage import people
from monitor.storage.audit import find_audit
from monitor.storage.engine import open_store
from monitor.storage.lists import Wanted


async def known(folder, secret):
    async with open_store(f"sqlite:///{folder}/tocsin.db", beside=True) as store:
        return await store.read(people.find_token, secret), (await store.read(find_audit, Wanted())).items


def test_a_token_that_is_revoked_is_taken_no_more_and_both_are_listed(tmp_path, capsys):
    at = ["--data-dir", str(tmp_path)]
    secrets = {}
    for name in ("prometheus", "ci"):
        assert main(["token", "create", name, "--scope", "read", *at]) == 0
        secrets[name] = capsys.readouterr().out.strip()
    assert main(["token", "list", "--json", *at]) == 0
    told = capsys.readouterr().out
    ids = {each["name"]: each["id"] for each in json.loads(told)}
    assert set(ids) == set(secrets)
    assert not any(secret in told for secret in secrets.values())
    assert main(["token", "revoke", ids["ci"], *at]) == 0
    found, audit = asyncio.run(known(tmp_path, secrets["ci"]))
    assert found is None
    assert [(row.action, row.about) for row in audit] == [("token.revoke", ids["ci"])]
    assert asyncio.run(known(tmp_path, secrets["prometheus"]))[0] is not None
    capsys.readouterr()
    assert main(["token", "list", *at]) == 0
    assert "revoked" in next(line for line in capsys.readouterr().out.splitlines() if ids["ci"] in line)


def test_a_token_that_nobody_has_is_said_so(tmp_path, capsys):
    assert main(["token", "revoke", "none", "--data-dir", str(tmp_path)]) == 1
    assert "no such token" in capsys.readouterr().err
