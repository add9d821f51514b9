"""Licences, people and systems of a configuration against their policies: every mistake with its place."""

from datetime import UTC, date, datetime

import pytest

from checks.registry import load_check_types
from monitor import configured
from monitor.domain.inventory import Period
from monitor.errors import ConfigError
from monitor.settings import shipped
from monitor.settings.policies import load_policy

NOW = datetime(2026, 11, 24, tzinfo=UTC)
GOOD = """partners:
  - id: acme
    policy: wolfram
    country: US
    contacts:
      - {id: ann, name: Ann, licence: L-1}
      - {id: bob, name: Bob, licence: L-1}
  - {id: nord, policy: plm, country: DK, plan: standard}
licences:
  - {id: L-1, partner: acme, seats: 2, account_id: W-1, subscription: {from: 2026-01-01, to: 2026-12-31}, nda: false}
  - {id: L-2, partner: nord, plan: premium}
systems:
  - {serial: S-1, partner: acme, licence: L-1, technical: {product: a, product_version: b, operating_system: c, hardware: d}}
  - {serial: S-2, partner: acme, licence: a key of the vendor's}
"""


def read(tmp_path, text):
    (tmp_path / "t.yaml").write_text(text)
    found = configured.read(tmp_path / "t.yaml", types=load_check_types(), now=NOW)
    return found.in_force.inventory


def test_a_good_one_is_read_with_the_roles_that_nobody_said(tmp_path):
    inventory = read(tmp_path, GOOD)
    assert [(one.id, one.role) for one in inventory.registered_on("L-1")] == [
        ("ann", "administrative"),
        ("bob", "regular"),
    ]
    assert inventory.licences["L-1"].standing == {
        "subscription": Period(start=date(2026, 1, 1), end=date(2026, 12, 31)),
        "nda": False,
    }


MISTAKES = [
    ("more contacts than seats", "seats: 2", "seats: 1", "10:5: licences.L-1: 2 contacts on 1 seat (policy wolfram, section Contact Procedures)"),
    ("two in charge", "name: Ann,", "name: Ann, role: administrative, licence: L-1}\n      - {id: cy, name: Cy, role: administrative,", "licences.L-1: needs exactly one administrative contact and has 2 (ann, cy)"),
    ("nobody in charge", "name: Ann, licence: L-1}\n      - {id: bob, name: Bob,", "name: Ann, role: regular, licence: L-1}\n      - {id: bob, name: Bob, role: regular,", "10:5: licences.L-1: needs exactly one administrative contact and has none"),
    ("a role nobody knows", "name: Bob,", "name: Bob, role: boss,", "7:9: contact 'bob': policy wolfram has no role 'boss': known are administrative, regular"),
    ("no account", "account_id: W-1, ", "", "6:9: contact 'ann': to be registered on L-1 it needs account_id (section Contact Procedures)"),
    ("a licence that is not there", "name: Bob, licence: L-1", "name: Bob, licence: L-7", "7:39: partners[0].contacts[1].licence: there is no licence 'L-7'; did you mean 'L-"),
    ("another partner's licence", "name: Bob, licence: L-1", "name: Bob, licence: L-2", "7:9: contact 'bob': licence L-2 is nord's, not acme's"),
    ("a partner that is not there", "partner: nord", "partner: nort", "there is no partner 'nort'; did you mean 'nord'?"),
    ("twice the same", "id: L-2", "id: L-1", "a second licence 'L-1'; the first is at"),
    ("a plan nobody knows", "plan: premium", "plan: gold", "licences.L-2: policy plm has no plan 'gold': known are standard, premium"),
    ("a standing nobody knows", "plan: premium", "standing: {weekend: true}", "licences.L-2: policy plm knows no standing 'weekend': known are nda, subscription"),
    ("dates the wrong way round", "to: 2026-12-31", "to: 2025-12-31", "ends before it begins"),
    ("technical information is missing", ", hardware: d", "", "13:5: system 'S-1': to be registered on L-1 it needs hardware (section Contact Procedures)"),
    ("another partner's system", "licence: a key of the vendor's", "licence: L-2", "14:5: licence L-2 is nord's, not acme's"),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "told"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])
def test_e1_e2_a_mistake_is_told_with_its_place(tmp_path, good, bad, told):
    assert good in GOOD
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, GOOD.replace(good, bad, 1))
    assert [line for line in caught.value.problems if told in line], caught.value.problems


def test_licences_come_from_a_table_too(tmp_path):
    (tmp_path / "l.csv").write_text(
        "id;partner;seats;subscription.from;subscription.to;nda\nL-3;nord;4;2026-01-01;;true\n"
    )
    licence = read(tmp_path, GOOD + "import: {licences_csv: l.csv}\n").licences["L-3"]
    assert (licence.seats, licence.standing["nda"]) == (4, True)
    assert licence.standing["subscription"] == Period(start=date(2026, 1, 1))


SECTIONS = [
    ("a role that is not declared", "may_update: [administrative]", "may_update: [chief]", "registration.systems.may_update[0]: unknown role 'chief': known are administrative, regular"),
    ("two in charge", "{name: regular, may_update: self}", "{name: regular, per_licence: 1}", "registration.contacts.roles[1].per_licence: only one role can be the one in charge"),
    ("a calendar that is not there", "in_hours: [phone], calendar: customer_service", "in_hours: [phone], calendar: nights", "registration.contacts.updates.calendar: unknown calendar 'nights': known are technical, customer_service"),
    ("hours without a calendar", "in_hours: [phone], calendar: customer_service", "in_hours: [phone]", "in_hours and calendar belong together"),
    ("hours of a channel that is not taken", "channels: [portal, api, phone]", "channels: [portal, api]", "in_hours names a channel that is not in channels"),
    ("a need nobody knows", "needs: [account_id]", "needs: [acount_id]", "registration.contacts.needs[0]: unknown need 'acount_id'"),
    ("a role twice", "{name: regular, may_update: self}", "{name: administrative}", "registration.contacts.roles[1]: role administrative is given twice"),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "told"), [s[1:] for s in SECTIONS], ids=[s[0] for s in SECTIONS])
def test_e1_a_mistake_in_the_section_of_a_policy_is_told_with_its_place(tmp_path, good, bad, told):
    text = (shipped("policies") / "wolfram.yaml").read_text()
    assert good in text
    (tmp_path / "p.yaml").write_text(text.replace(good, bad, 1))
    with pytest.raises(ConfigError) as caught:
        load_policy(tmp_path / "p.yaml")
    assert [line for line in caught.value.problems if told in line], caught.value.problems


def test_p2_an_overflow_by_a_field_nobody_has_is_a_mistake(tmp_path):
    text = (shipped("policies") / "plm.yaml").read_text()
    (tmp_path / "p.yaml").write_text(text.replace("agreed_in: english_ok", "agreed_in: englishok"))
    with pytest.raises(
        ConfigError, match=r"overflow\.agreed_in: unknown field 'englishok'.*did you mean 'english_ok'"
    ):
        load_policy(tmp_path / "p.yaml")
