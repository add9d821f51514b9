"""The ``requests:`` section of a policy file: every mistake in it is told at once, with its place and what was meant."""

import pytest

from monitor.errors import ConfigError
from monitor.settings.policies import load_policy
from tests.settings.test_policies import GOOD

SECTION = """\
requests:
  priorities: {red: [p1], green: [p2]}
  channels:
    phone: {clause: a, outside_hours: [red]}
    email: {clause: b, never: [red]}
  required:
    - {fields: [subject, message], clause: c}
    - {any_of: [system, product], classes: [red], clause: c}
  duties: [{duty: call, clause: d, elapsed: 15m}]
  charges: [{class: red, clause: e, incidents: 2, because: work, covers: 1h, then: {incidents: 1, each: 30m}}]
  appointments: {class: green, clause: i, length: 1h, step: 30m}
  prepaid: {clause: h, rollover: 15, every: 1 year}
  entitlement: [{standing: subscription, clause: f, refusal: renew}]
  versions: [{name: v, field: product_version, before: 2, clause: g, answer: update}]
"""

# id: what is put for what, and the end of the line told
BROKEN = {
    "an unknown class outside hours": ("outside_hours: [red]", "outside_hours: [rde]", "requests.channels.phone.outside_hours[0]: unknown class 'rde': known are green, red; did you mean 'red'?"),
    "an unknown class of never": ("never: [red]", "never: [blue]", "requests.channels.email.never[0]: unknown class 'blue': known are green, red"),
    "an unknown class of a priority": ("{red: [p1]", "{rd: [p1]", "requests.priorities.rd: unknown class 'rd': known are green, red; did you mean 'red'?"),
    "a priority for two classes": ("green: [p2]", "green: [P1]", "requests.priorities.green[0]: the priority 'p1' is given twice"),
    "an unknown class of a requirement": ("classes: [red]", "classes: [gren]", "requests.required[1].classes[0]: unknown class 'gren': known are green, red; did you mean 'green'?"),
    "an unknown class of a charge": ("charges: [{class: red", "charges: [{class: rd", "requests.charges[0].class: unknown class 'rd': known are green, red; did you mean 'red'?"),
    "an unknown channel": ("    phone: {", "    fax: {", "requests.channels.fax"),
    "neither fields nor any of them": ("{fields: [subject, message], clause: c}", "{clause: c}", "requests.required[0]: give either fields or any_of"),
    "both fields and any of them": ("any_of: [system, product]", "any_of: [system], fields: [product]", "requests.required[1]: give either fields or any_of"),
    "a requirement without its clause": (", message], clause: c}", ", message]}", "requests.required[0].clause: this key is missing"),
    "a duty after and before": ("elapsed: 15m", "elapsed: 15m, notice: 72h", "requests.duties[0]: give elapsed or notice, not both"),
    "a time that is none": ("elapsed: 15m", "elapsed: soon", "requests.duties[0].elapsed: must be a duration such as 60s, 5m, 1h30m or 2d"),
    "a duty twice": ("elapsed: 15m}]", "elapsed: 15m}, {duty: call, clause: d}]", "requests.duties[1]: duty call is given twice"),
    "steps without what they follow": ("covers: 1h, ", "", "requests.charges[0]: covers and then belong together: give both or neither"),
    "steps of no length": ("each: 30m", "each: 0", "requests.charges[0].then.each: must be greater than 0"),
    "an unknown class of appointments": ("{class: green, clause: i", "{class: gren, clause: i", "requests.appointments.class: unknown class 'gren': known are green, red; did you mean 'green'?"),
    "appointments at no steps": ("step: 30m", "step: 0", "requests.appointments.step: must be greater than 0"),
    "a rollover without its year": (", every: 1 year", "", "requests.prepaid: rollover and every belong together: give both, or neither if nothing expires"),
    "a year of no length": ("every: 1 year", "every: 0 years", "requests.prepaid.every: must be a number of months or years such as 1 year or 6 months"),
    "a year in days": ("every: 1 year", "every: 365d", "requests.prepaid.every: must be a number of months or years such as 1 year or 6 months"),
    "a rollover of less than nothing": ("rollover: 15", "rollover: -1", "requests.prepaid.rollover: must be at least 0"),
    "an unknown standing": ("standing: subscription", "standing: subscribtion", "requests.entitlement[0].standing: unknown standing 'subscribtion': known are nda, subscription; did you mean 'subscription'?"),
    "an unknown plan": ("classes: [red]", "plans: [gold]", "requests.required[1].plans[0]: unknown plan 'gold': known are basic"),
    "an unknown plan of a channel": ("never: [red]", "plans: [gold]", "requests.channels.email.plans[0]: unknown plan 'gold': known are basic"),
    "an unknown class of an exception": ("classes: [red]", "except: {classes: [gren]}", "requests.required[1].except.classes[0]: unknown class 'gren': known are green, red; did you mean 'green'?"),
    "an unknown class of the rest": ("  priorities:", "  class_otherwise: gren\n  priorities:", "requests.class_otherwise: unknown class 'gren': known are green, red; did you mean 'green'?"),
    "an unknown field of consent": ("  priorities:", "  languages: {accepted: [en], clause: x, refusal: y, consent: english}\n  priorities:", "requests.languages.consent: unknown field 'english'"),
    "an unknown key": ("before: 2", "befor: 2", "requests.versions[0].befor: there is no such key; did you mean 'before'?"),
}  # fmt: skip


def problems(folder, section):
    file = folder / "p.yaml"
    file.write_text(GOOD + section)
    try:
        load_policy(file)
    except ConfigError as error:
        return error.problems
    return []


def test_the_good_one_is_good(tmp_path):
    assert problems(tmp_path, SECTION) == []


@pytest.mark.parametrize(("what", "instead", "told"), BROKEN.values(), ids=BROKEN)
def test_a_mistake_is_told_with_its_place(tmp_path, what, instead, told):
    assert what in SECTION
    found = problems(tmp_path, SECTION.replace(what, instead, 1))
    assert any(told in line for line in found), found
    assert all(f"{tmp_path}/p.yaml:" in line for line in found)


@pytest.mark.parametrize("name", ["fields: [subject", "any_of: [system", "field: product_version"])
def test_an_unknown_field_is_told_with_what_was_meant(tmp_path, name):
    (line,) = problems(tmp_path, SECTION.replace(name, f"{name}x", 1))
    assert f"unknown field '{name.split('[')[-1].split(': ')[-1]}x'" in line
    assert "did you mean" in line
    assert len(line) < 700


def test_a_policy_without_the_section_takes_any_request(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text(GOOD)
    rules = load_policy(file).requests
    assert (rules.channels, rules.required, rules.duties) == ({}, (), ())


def test_prepaid_incidents_that_never_expire_need_no_year(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text(GOOD + "requests: {prepaid: {clause: h, without_credit: refused}}\n")
    prepaid = load_policy(file).requests.prepaid
    assert prepaid is not None
    assert (prepaid.rollover, prepaid.serves_without_credit) == (None, False)
