"""A world to ask in, and a way to write a request so that a case names only what it is about."""

from datetime import UTC, datetime
from pathlib import Path

from monitor.domain.findings import Symptom
from monitor.domain.inventory import Contact, Inventory, Partner, System
from monitor.domain.requests import Request, judge
from monitor.settings.policies import load_policies

ROOT = Path(__file__).parents[2]
POLICIES = load_policies([ROOT / "config" / "policies"])


def partner(id_, policy, country, tier=None, assigned_to=None, **more):
    contacts = (Contact(id=f"{id_}-1", name=f"{id_} one"),)
    return Partner(
        id=id_,
        name=id_,
        policy=policy,
        country=country,
        tier=tier,
        assigned_to=assigned_to,
        contacts=contacts,
        **more,
    )


PARTNERS = (
    partner("aurora", "wildix", "IT", "gold"),
    partner("birch", "wildix", "US", "platinum"),
    partner("cedar", "wildix", "FR", "silver", "aurora"),
    partner("dune", "wildix", "DE", "bronze", "cedar"),
    partner("elm", "wildix", "US", "reseller", "birch"),
    partner("fir", "plm", "DK", plan="premium"),
    partner("gorse", "plm", "NO"),
    partner("hazel", "wolfram", "US"),
    partner("iris", "helpdesk", "US"),
)
SYSTEMS = (
    System(serial="PBX-1001", partner="aurora", country="IT", cloud="eu-1"),
    System(serial="PBX-2001", partner="birch", country="US", cloud="us-1"),
    System(serial="PBX-3001", partner="cedar", country="FR"),
    System(serial="PBX-4001", partner="dune", country="DE", cloud="eu-1"),
    System(serial="PBX-5001", partner="elm", country="US", cloud="us-1"),
)
INVENTORY = Inventory(partners={p.id: p for p in PARTNERS}, systems={s.serial: s for s in SYSTEMS})


def at(text):
    return datetime.fromisoformat(text).astimezone(UTC)


def asked(policy, now, inventory=INVENTORY, without=(), policies=POLICIES, **request):
    """Judge a request; ``without`` empties fields, ``symptom`` may be a word."""
    fields = dict(request.pop("fields", {}))
    fields.update(dict.fromkeys(without, "  "))
    if "symptom" in request:
        request["symptom"] = Symptom(request["symptom"])
    if "planned_start" in request:
        request["planned_start"] = at(request["planned_start"])
    return judge(policies[policy], Request(fields=fields, **request), inventory, at(now))


def answers(judgement):
    """Return the judgement as the flat words that cases expect."""
    return {
        "accepted": judgement.accepted,
        "missing": list(judgement.missing),
        "allowed": judgement.channel_allowed,
        "cls": judgement.cls,
        "clause": judgement.clause,
        "duties": [d.duty for d in judgement.duties],
        "due": [d.due for d in judgement.duties if d.due],
        "incidents": judgement.charge.incidents,
        "inside": judgement.in_support_hours,
        "visibility": judgement.visibility,
        "forward": list(judgement.forward_to),
        "referral": list(judgement.referral),
        "late": [d.duty for d in judgement.duties if d.late],
    }


def agrees(judgement, expected):
    """Compare what a case expects, and nothing else; ``says`` must stand in a reason."""
    got = answers(judgement)
    for text in expected.pop("says", ()):
        assert any(text in reason for reason in judgement.reasons), (text, judgement.reasons)
    if "due" in expected:
        expected["due"] = [at(text) for text in expected["due"]]
    assert {name: got[name] for name in expected} == expected, judgement.reasons
    assert judgement.clause, "every judgement cites a clause"
