"""``tocsin licence``: what it prints of the configuration and of what is registered over it."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from monitor.cli import main
from monitor.domain.access import Viewer
from monitor.domain.inventory import Contact
from monitor.settings import shipped
from monitor.settings.policies import load_policies
from monitor.storage import registry
from monitor.storage.engine import open_store

SITE = """
partners:
  - id: acme
    name: Acme
    policy: wolfram
    country: US
    contacts:
      - {id: ann, name: Ann Ash, email: ann@acme.example, licence: L-1}
      - {id: bob, name: Bob Birch, phone: "+13125550100", licence: L-1, always_reachable: true, english_ok: true}
  - {id: nord, name: Nord, policy: plm, country: DK, plan: standard}
licences:
  - {id: L-1, partner: acme, product: Desktop, seats: 3, account_id: W-1, subscription: {from: 2020-01-01, to: 2199-12-31}, nda: true}
  - {id: L-2, partner: nord, plan: premium, subscription: {to: 2020-10-31}}
systems:
  - {serial: S-1, partner: acme, licence: L-1, technical: {product: a, product_version: b, operating_system: c, hardware: d}}
"""


@pytest.fixture
def site(tmp_path):
    (tmp_path / "site.yaml").write_text(SITE)
    return ["-c", str(tmp_path / "site.yaml"), "--data-dir", str(tmp_path / "data")]


def test_e1_h6_licences_are_listed_with_their_seats_and_dates(site, capsys):
    assert main(["licence", "list", *site]) == 0
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == ["licence", "partner", "product", "seats", "in", "charge", "standing"]
    assert "2 of 3  " in first
    assert first.endswith("ann        subscription: valid, from 2020-01-01 until 2199-12-31; nda: yes")
    assert "0 registered, seats are not counted" in second
    assert second.endswith("subscription: over, until 2020-10-31")


def test_e1_a_licence_is_shown_with_its_people_and_how_changes_are_taken(site, capsys):
    assert main(["licence", "show", "L-1", *site]) == 0
    said = capsys.readouterr().out
    assert "  - ann, Ann Ash, administrative, ann@acme.example\n" in said
    assert "  - bob, Bob Birch, regular, +13125550100, always reachable, English is fine\n" in said
    assert "systems     S-1\n" in said
    assert "changes     contacts: portal, api, phone; phone in the hours of customer_service (" in said


def test_an_unknown_licence_is_told_with_the_nearest(site, capsys):
    assert main(["licence", "show", "L1", *site]) == 1
    assert "unknown licence 'L1'; did you mean L-1" in capsys.readouterr().err


def test_nothing_is_written_for_a_question(site, tmp_path):
    main(["licence", "list", *site])
    assert not (tmp_path / "data").exists()


def test_what_is_registered_is_shown_and_what_does_not_fit_any_more_is_told(site, tmp_path, capsys):
    (tmp_path / "data").mkdir()
    asyncio.run(_register(tmp_path, site))
    assert main(["licence", "show", "L-1", "--json", *site]) == 0
    assert json.loads(capsys.readouterr().out)["contacts"] == ["ann", "bob", "cy"]
    (tmp_path / "site.yaml").write_text(SITE.replace("seats: 3", "seats: 2"))
    assert main(["licence", "show", "L-1", *site]) == 1
    problem = "problem     3 contacts on 2 seats (policy wolfram, section Contact Procedures)\n"
    assert problem in capsys.readouterr().out
    assert main(["token", "create", "cy", "--contact", "cy", *site]) == 0  # also who is only registered


async def _register(tmp_path, site):
    from monitor.commands import configuration

    ground = registry.Ground(
        inventory=configuration(tmp_path / "site.yaml").in_force.inventory,
        policies=load_policies([shipped("policies")]),
        viewer=Viewer(name="nora", staff=True),
        now=datetime(2026, 11, 24, tzinfo=UTC),
    )
    async with open_store(f"sqlite:///{tmp_path}/data/tocsin.db") as store:
        await store.write(registry.enrol, ground, "acme", "L-1", Contact(id="cy", name="Cy", role=""))


def test_p10_a_request_of_a_customer_whose_subscription_is_over_is_refused(site, tmp_path, capsys):
    fields = "contact_name contact_phone contact_email product_version service_pack english_ok description"
    asked = {"policy": "plm", "channel": "portal", "partner": "nord", "class": "high"}
    request = asked | {"fields": dict.fromkeys(fields.split(), "x")}
    (tmp_path / "request.json").write_text(json.dumps(request))
    assert main(["request", "check", str(tmp_path / "request.json"), *site[:2]]) == 1
    assert "support needs a valid subscription (section 3)" in capsys.readouterr().out
    (tmp_path / "request.json").write_text(json.dumps(request | {"standing": {"subscription": True}}))
    assert main(["request", "check", str(tmp_path / "request.json"), *site[:2]]) == 0
