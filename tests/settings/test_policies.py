"""Policy files: what a good one becomes, and that every mistake in a bad one is told at once, with its place."""

from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from monitor.domain.clocks import DayMode, Elapsed, EndOfWorkingDay, NoGoal, SupportTime, WorkingDays
from monitor.domain.inventory import Contact, Partner
from monitor.errors import ConfigError
from monitor.settings.policies import check_partners, edition, load_policies, load_policy

SHIPPED = Path(__file__).parents[2] / "config" / "policies"

GOOD = """\
policy: small
title: A small one
version: "1"
calendars:
  work: {zone: Europe/Rome, hours: {mon-fri: ["09:00-12:00", "13:00-18:00"]}}
calendar_for: [{calendar: work}]
plans: [basic]
classes: [{name: red}, {name: green}]
presume: [{symptoms: crash, facts: {impact: limited}}]
rules:
  - {name: severe, class: red, clause: a, when: {facts: {impact: severe}}}
  - {name: rest, class: green, clause: b, when: always}
exclusions: [{name: hw, class: green, clause: c, when: {symptom: hardware_fault}}]
goals:
  - {class: red, plan: basic, clause: d, support_time: 1h, limit: {support_time: 2h}}
  - {class: green, clause: e, none: nothing is promised}
eligibility: {direct: [gold], serving: [gold]}
contact:
  red: {inside: [{channel: phone}], outside: [{channel: phone}]}
  green: {inside: [{channel: ticket}], outside: [{channel: ticket}]}
"""
HOURS = '["09:00-12:00", "13:00-18:00"]'


def written(folder, text, name="p.yaml"):
    file = folder / name
    file.write_text(text)
    return file


def problems_of(folder, text):
    try:
        load_policy(written(folder, text))
    except ConfigError as error:
        return [line.removeprefix(f"{folder}/p.yaml:") for line in error.problems]
    return []


# id: what is put for what (the first time it stands there), and the lines told
# fmt: off
BROKEN = {
    "an abbreviation for a zone": ("Europe/Rome", "EST", "5:16: calendars.work.zone: EST is an abbreviation, not a zone: write America/New_York"),
    "a European abbreviation": ("Europe/Rome", "CET", "5:16: calendars.work.zone: CET is an abbreviation, not a zone: write Europe/Rome"),
    "a zone misspelt": ("Europe/Rome", "Europe/Rom", "5:16: calendars.work.zone: unknown time zone 'Europe/Rom': use an IANA name such as Europe/Rome; did you mean 'Europe/Rome'?"),
    "a zone without a place": ("Europe/Rome", "Japan", "5:16: calendars.work.zone: Japan is not a place: use an IANA name such as Europe/Rome"),
    "a path for a zone": ("Europe/Rome", "../../etc/passwd", "5:16: calendars.work.zone: unknown time zone '../../etc/passwd': use an IANA name such as Europe/Rome"),
    "windows that overlap": ('["09:00-12:00", "13:00-18:00"]', '["09:00-13:00", "12:00-18:00"]', "5:9: calendars.work: windows overlap or are out of order: 09:00-13:00, 12:00-18:00"),
    "windows out of order": ('["09:00-12:00", "13:00-18:00"]', '["13:00-18:00", "09:00-12:00"]', "5:9: calendars.work: windows overlap or are out of order: 13:00-18:00, 09:00-12:00"),
    "a window that ends before it begins": ('["09:00-12:00", "13:00-18:00"]', '["22:00-06:00"]', "5:9: calendars.work: '22:00-06:00' ends before it begins; write a night as two windows, up to 24:00 and from 00:00"),
    "an empty window": ('["09:00-12:00", "13:00-18:00"]', '["09:00-09:00"]', "5:9: calendars.work: '09:00-09:00' ends before it begins; write a night as two windows, up to 24:00 and from 00:00"),
    "a time that does not exist": ('["09:00-12:00", "13:00-18:00"]', '["09:00-24:30"]', "5:9: calendars.work: '24:30' is not a time of day such as 09:00 (24:00 is the end of the day)"),
    "minutes that do not exist": ('["09:00-12:00", "13:00-18:00"]', '["09:60-12:00"]', "5:9: calendars.work: '09:60' is not a time of day such as 09:00 (24:00 is the end of the day)"),
    "a time without its zero": ('["09:00-12:00", "13:00-18:00"]', '["9:00-12:00"]', "5:9: calendars.work: '9:00' is not a time of day such as 09:00 (24:00 is the end of the day)"),
    "no time at all": ('["09:00-12:00", "13:00-18:00"]', '["morning"]', "5:9: calendars.work: 'morning' is not a time of day such as 09:00 (24:00 is the end of the day)"),
    "a weekday that does not exist": ("mon-fri:", "monday:", "5:9: calendars.work: 'monday' is not a weekday or a range of them such as mon-fri"),
    "a range that runs backwards": ("mon-fri:", "fri-mon:", "5:9: calendars.work: 'fri-mon' names a day twice, or ends before it begins"),
    "a day named twice": ('mon-fri: ["09:00-12:00", "13:00-18:00"]', 'mon-fri: ["09:00-12:00"], fri: ["09:00-11:00"]', "5:9: calendars.work: 'fri' names a day twice, or ends before it begins"),
    "a calendar that never opens": ('{mon-fri: ["09:00-12:00", "13:00-18:00"]}', "{}", "5:9: calendars.work: calendar 'work' has no open moment in 400 days from 2026-01-01: give `hours` in which it opens"),
    "a calendar without hours": (', hours: {mon-fri: ["09:00-12:00", "13:00-18:00"]}', "", "5:9: calendars.work.hours: this key is missing"),
    "a day of no year": ('"]}}', '"]}, closed: ["02-30"]}', "5:88: calendars.work.closed[0]: must be a date such as 2026-12-24 or a day of every year such as 12-24"),
    "a calendar that closes on every day of the year it opens on": ('{mon-fri: ["09:00-12:00", "13:00-18:00"]}}', '{}, special: {2026-06-01: ["09:00-12:00"]}, closed: ["06-01"]}', "5:9: calendars.work: calendar 'work' has no open moment in 400 days from 2026-06-02: give `hours` in which it opens"),
    "a special day with bad hours": ('"]}}', '"]}, special: {2026-12-24: ["12-18"]}}', "5:9: calendars.work: '12' is not a time of day such as 09:00 (24:00 is the end of the day)"),
    "a closed day that is no day": ('"]}}', '"]}, closed: [2026-02-30]}', "5:88: calendars.work.closed[0]: must be a date such as 2026-12-24 or a day of every year such as 12-24"),
    "holidays of nowhere": ('"]}}', '"]}, holidays: {country: ZZ}}', "5:89: calendars.work.holidays: no public holidays are known for ZZ"),
    "holidays of no such part": ('"]}}', '"]}, holidays: {country: DE, subdivision: XX}}', "5:89: calendars.work.holidays: no public holidays are known for DE XX"),
    "an unknown calendar": ("[{calendar: work}]", "[{calendar: wrok}]", "6:27: calendar_for[0].calendar: unknown calendar 'wrok': known are work; did you mean 'work'?"),
    "no calendars": ('  work: {zone: Europe/Rome, hours: {mon-fri: ["09:00-12:00", "13:00-18:00"]}}', "  {}", "5:3: calendars: must list at least 1"),
    "a country that does not exist": ("[{calendar: work}]", "[{calendar: work, countries: [UK]}, {calendar: work}]", "6:45: calendar_for[0].countries[0]: 'UK' is not a two-letter ISO 3166 country code; did you mean 'GB'?"),
    "a country given to two calendars": ("[{calendar: work}]", "[{calendar: work, countries: [IT]}, {calendar: work, countries: [IT]}]", "6:51: calendar_for[1]: country IT is given twice"),
    "two calendars for everywhere else": ("[{calendar: work}]", "[{calendar: work}, {calendar: work}]", "6:34: calendar_for[1]: a calendar for everywhere else is given twice"),
    "no calendar for anybody": ("[{calendar: work}]", "[]", "6:15: calendar_for: must list at least 1"),
    "an unknown class in a rule": ("class: red, clause: a", "class: rad, clause: a", "11:27: rules[0].class: unknown class 'rad': known are green, red; did you mean 'red'?"),
    "an unknown class in an exclusion": ("class: green, clause: c", "class: grene, clause: c", "13:32: exclusions[0].class: unknown class 'grene': known are green, red; did you mean 'green'?"),
    "an unknown class in a goal": ("class: green, clause: e", "class: blue, clause: e", "15:3: goals: no goal for class green, plan basic: write `none: <why>` if nothing is promised", "16:13: goals[1].class: unknown class 'blue': known are green, red"),
    "an unknown class in contact": ("  green: {inside", "  gren: {inside", "19:3: contact: no contact plan for class green", "20:9: contact.gren: unknown class 'gren': known are green, red"),
    "a class twice": ("{name: green}]", "{name: green}, {name: red}]", "8:39: classes[2]: class red is given twice"),
    "a plan twice": ("[basic]", "[basic, basic]", "7:16: plans[1]: plan basic is given twice"),
    "an unknown plan": ("plan: basic", "plan: basics", "15:3: goals: no goal for class red, plan basic: write `none: <why>` if nothing is promised", "15:24: goals[0].plan: unknown plan 'basics': known are basic"),
    "a plan without its goals": ("plans: [basic]", "plans: [basic, extra]", "15:3: goals: no goal for class red, plan extra: write `none: <why>` if nothing is promised"),
    "a goal missing": ("  - {class: green, clause: e, none: nothing is promised}\n", "", "15:3: goals: no goal for class green, plan basic: write `none: <why>` if nothing is promised"),
    "a goal twice": ("  - {class: green, clause: e, none: nothing is promised}", "  - {class: green, clause: e, none: a}\n  - {class: green, clause: e, none: b}", "17:5: goals[2]: a goal for class green is given twice"),
    "a goal of two kinds": ("none: nothing is promised", "none: nothing, elapsed: 1h", "16:5: goals[1]: give exactly one of support_time, elapsed, working_days, end_of_working_day, none"),
    "a goal of no kind": (", none: nothing is promised", "", "16:5: goals[1]: give exactly one of support_time, elapsed, working_days, end_of_working_day, none"),
    "a goal of no days": ("none: nothing is promised", "working_days: 0", "16:45: goals[1].working_days: must be at least 1"),
    "a goal that is no duration": ("support_time: 1h", "support_time: soon", "15:56: goals[0].support_time: must be a duration such as 60s, 5m, 1h30m or 2d"),
    "a limit before its goal": ("{support_time: 2h}", "{support_time: 30m}", "15:67: goals[0].limit: the limit falls before the goal"),
    "a limit of no kind": ("{support_time: 2h}", "{}", "15:67: goals[0].limit: give exactly one of support_time, elapsed, working_days, end_of_working_day, none"),
    "a before_opening that does not exist": ("none: nothing is promised", "end_of_working_day: {before_opening: today}", "16:68: goals[1].end_of_working_day.before_opening: 'today' is not one of same_day, next_day; did you mean 'next_day'?"),
    "no last rule that is always met": ("when: always", "when: {symptom: other}", "12:5: rules[1]: the last rule must be met by everything: write `when: always`"),
    "a rule below one that is always met": ("when: {facts: {impact: severe}}", "when: always", "11:5: rules[0]: rule severe is met by everything: the rules below it are never reached"),
    "a rule twice": ("name: rest", "name: severe", "12:5: rules[1]: rule severe is given twice"),
    "an exclusion twice": ("exclusions: [", "exclusions: [{name: hw, class: green, clause: c, when: always}, ", "13:65: exclusions[1]: exclusion hw is given twice"),
    "a rule without a clause": ("class: red, clause: a", "class: red", "11:5: rules[0].clause: this key is missing"),
    "an empty condition": ("when: {facts: {impact: severe}}", "when: {}", "11:49: rules[0].when: an empty condition is met by everything: write `always` if that is meant"),
    "an unknown fact": ("{facts: {impact: severe}}", "{facts: {inpact: severe}}", "11:66: rules[0].when.facts.inpact: unknown fact 'inpact': known are impact, operator_caused, planned, workaround; did you mean 'impact'?"),
    "an unknown fact deep inside": ("{facts: {impact: severe}}", "{any: [{symptom: other}, {not: {facts: {imapct: severe}}}]}", "11:97: rules[0].when.any[1].not.facts.imapct: unknown fact 'imapct': known are impact, operator_caused, planned, workaround; did you mean 'impact'?"),
    "an unknown fact presumed": ("{impact: limited}", "{impakt: limited}", "9:45: presume[0].facts.impakt: unknown fact 'impakt': known are impact, operator_caused, planned, workaround; did you mean 'impact'?"),
    "an impact that does not exist": ("{facts: {impact: severe}}", "{facts: {impact: [severe, dreadful]}}", "11:66: rules[0].when.facts.impact: impact cannot be 'dreadful': one of none, limited, restricted, severe"),
    "an impact presumed that does not exist": ("{impact: limited}", "{impact: little}", "9:45: presume[0].facts.impact: impact cannot be 'little': one of none, limited, restricted, severe"),
    "a yes-or-no fact with text": ("{facts: {impact: severe}}", "{facts: {workaround: 'no'}}", "11:70: rules[0].when.facts.workaround: workaround cannot be 'no': true or false"),
    "an unknown attribute of the system": ("{facts: {impact: severe}}", "{system: {clowd: present}}", "11:66: rules[0].when.system.clowd: unknown attribute 'clowd': known are country, carrier, cloud, region, version, partner, name, component"),
    "an unknown symptom": ("symptom: hardware_fault", "symptom: hardware_fualt", "13:66: exclusions[0].when.symptom: 'hardware_fualt' is not one of call_drops, unreachable, portal_unreachable, degraded, crash, certificate_expiring, hardware_fault, internet_connectivity, operator_fault, nobody_can_log_on, planned_work, question, enhancement, other; did you mean 'hardware_fault'?"),
    "no symptom": ("symptoms: crash", "symptoms: []", "9:22: presume[0].symptoms: must list at least 1"),
    "an unknown condition": ("{facts: {impact: severe}}", "{fact: {impact: severe}}", "11:50: rules[0].when.fact: there is no such key; did you mean 'facts'?"),
    "hours of an exclusion that do not exist": ("clause: c, when", "clause: c, hours: never, when", "13:57: exclusions[0].hours: 'never' is not one of inside, outside, any"),
    "nobody eligible": ("{direct: [gold], serving: [gold]}", "{serving: [gold]}", "17:14: eligibility: name the direct tiers, or write `everyone: true`"),
    "an unknown channel": ("{channel: phone}", "{channel: phoen}", "19:28: contact.red.inside[0].channel: 'phoen' is not one of ticket, phone, mail; did you mean 'phone'?"),
    "no contact outside hours": (", outside: [{channel: phone}]", "", "19:8: contact.red.outside: this key is missing"),
    "no contact plan for a class": ("  green: {inside: [{channel: ticket}], outside: [{channel: ticket}]}\n", "", "19:3: contact: no contact plan for class green"),
    "a key misspelt": ("title:", "titel:", "1:1: title: this key is missing", "2:1: titel: there is no such key; did you mean 'title'?"),
    "a key twice": ("title: A small one", "title: A small one\ntitle: Another", "3:1: duplicate key 'title' (first at line 2)"),
    "a version that is a number": ('version: "1"', "version: 2.10", "3:10: version: must be text: put it in quotes, '2.10'"),
    "a key missing": ("policy: small\n", "", "1:1: policy: this key is missing"),
    "a word that is not always": ("when: always", "when: allways", "12:49: rules[1].when: 'allways' is not one of always; did you mean 'always'?"),
    "a condition that is a list": ("when: {facts: {impact: severe}}", "when: [severe]", "11:49: rules[0].when: must be a mapping (key: value)"),
    "a calendar that opens on closed days only": ('{mon-fri: ["09:00-12:00", "13:00-18:00"]}}', "{}, closed: [2026-12-24], special: {2026-12-25: []}}", "5:9: calendars.work: calendar 'work' has no open moment in 400 days from 2026-01-01: give `hours` in which it opens"),
    "a calendar open on a special day only": ('{mon-fri: ["09:00-12:00", "13:00-18:00"]}}', '{}, special: {2026-12-24: ["09:00-12:00"]}}', "5:9: calendars.work: calendar 'work' has no open moment in 400 days from 2026-12-25: give `hours` in which it opens"),
    "working days of no mode": ("none: nothing is promised", "working_days: {days: 2, mode: same_hour}", "16:61: goals[1].working_days.mode: 'same_hour' is not one of same_time, start_of_day, close_of_day"),
    "working days without days": ("none: nothing is promised", "working_days: {mode: same_time}", "16:45: goals[1].working_days.days: this key is missing"),
    "working days that are a word": ("none: nothing is promised", "working_days: two", "16:45: goals[1].working_days: must be a number of working days such as 3, or {days: 3, mode: close_of_day}"),
    "working days yes": ("none: nothing is promised", "working_days: true", "16:45: goals[1].working_days: must be a number of working days such as 3, or {days: 3, mode: close_of_day}"),
    "a limit of fewer working days": ("none: nothing is promised", "working_days: {days: 2, mode: close_of_day}, limit: {working_days: 1}", "16:83: goals[1].limit: the limit falls before the goal"),
    "a warning that is no duration": ("support_time: 1h, limit: {support_time: 2h}", "support_time: 1h, warn: soon", "15:66: goals[0].warn: must be a duration such as 60s, 5m, 1h30m or 2d"),
    "a warning as long as its goal": ("support_time: 1h, limit: {support_time: 2h}", "support_time: 1h, warn: 1h", "15:66: goals[0].warn: the warning falls at the beginning or before it: give less than the goal itself"),
    "a warning beside a limit": ("limit: {", "warn: 30m, limit: {", "15:66: goals[0].warn: a goal with a limit warns at the goal: leave `warn` out"),
    "a warning of nothing": ("none: nothing is promised", "none: nothing, warn: 30m", "16:52: goals[1].warn: nothing is promised, so nothing is warned of"),
    "a limit to nothing": ("none: nothing is promised", "none: nothing, limit: {elapsed: 1h}", "16:53: goals[1].limit: nothing is promised, so there is no limit to it"),
    "a limit that is none": ("limit: {support_time: 2h}", "limit: {none: no limit}", "15:74: goals[0].limit.none: a limit is a moment: leave it out if there is none"),
    "a clock with a bad name": ("class: green, clause: e", "class: green, clock: Time To Mend, clause: e", "16:27: goals[1].clock: 'Time To Mend' is no name of a clock: small letters, digits and _, such as time_to_mend"),
    "only another clock": ("class: green, clause: e", "class: green, clock: resolution, clause: e", "15:3: goals: no goal for class green, plan basic: write `none: <why>` if nothing is promised"),
    "a clock twice": ("  - {class: green, clause: e", "  - {class: green, clock: resolution, clause: e, elapsed: 1d}\n  - {class: green, clock: resolution, clause: e, elapsed: 2d}\n  - {class: green, clause: e", "17:5: goals[2]: a goal for class green, clock resolution is given twice"),
    "pausing of a clock that is not": ("eligibility:", "pausing: {resolutoin: {while: [waiting_for_customer]}}\neligibility:", "17:23: pausing.resolutoin: no goal has a clock 'resolutoin': known are response"),
    "pausing for an unknown wait": ("eligibility:", "pausing: {response: {while: [waiting_for_costumer]}}\neligibility:", "17:30: pausing.response.while[0]: unknown wait 'waiting_for_costumer': known are waiting_for_customer, waiting_for_third_party; did you mean 'waiting_for_customer'?"),
    "pausing for nothing said": ("eligibility:", "pausing: {response: {clause: a}}\neligibility:", "17:21: pausing.response.while: this key is missing"),
    "pausing as a list": ("eligibility:", "pausing: {response: [waiting_for_customer]}\neligibility:", "17:21: pausing.response: must be a mapping (key: value)"),
    "a wait that is known anyway": ("eligibility:", "more_waits: [waiting_for_customer]\neligibility:", "17:14: more_waits[0]: wait waiting_for_customer is given twice, or is known anyway"),
    "not YAML": ("classes: [", "classes: [[", "9:1: not YAML: did not find expected ',' or ']'"),
}
# fmt: on


def test_the_good_one_is_good(tmp_path):
    assert problems_of(tmp_path, GOOD) == []


@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN)
def test_a_mistake_is_told_with_its_place(tmp_path, case):
    old, new, *told = case
    assert old in GOOD
    assert problems_of(tmp_path, GOOD.replace(old, new, 1)) == told


def test_a_calendar_whose_every_opening_is_closed_for_400_days_is_refused(tmp_path):
    sundays = [date(2027, 1, 3) + timedelta(weeks=n) for n in range(60)]
    text = GOOD.replace(
        f"hours: {{mon-fri: {HOURS}}}",
        f'hours: {{sun: ["09:00-12:00"]}}, closed: [{", ".join(map(str, sundays))}]',
    )
    assert text != GOOD
    (told,) = problems_of(tmp_path, text)
    assert told.startswith(
        "5:9: calendars.work: calendar 'work' has no open moment in 400 days from 2027-01-03"
    )
    assert problems_of(tmp_path, text.replace(f", {sundays[30]}", "")) == []


def test_an_edition_on_record_is_the_policy_its_file_was(tmp_path):
    file = load_policy(written(tmp_path, GOOD))
    again = edition(file.text)
    assert again == file
    assert again.digest == sha256(GOOD.encode()).hexdigest()
    assert edition(file.text) is again, "an edition is read once"
    assert load_policy(written(tmp_path, GOOD + "# a remark\n")).digest != again.digest


CLOCKS = """\
  - {class: red, clock: resolution, clause: d, support_time: 8h, warn: 2h}
  - {class: red, clock: follow_up, clause: d, working_days: {days: 2, mode: start_of_day}}
more_waits: [waiting_for_parts]
pausing:
  follow_up: {while: [waiting_for_parts], clause: f}
  response: {while: [waiting_for_customer]}
"""


def test_a_class_may_have_clocks_besides_its_response(tmp_path):
    policy = load_policy(written(tmp_path, GOOD.replace("eligibility:", CLOCKS + "eligibility:")))
    assert [promise.clock for promise in policy.promised("red", "basic")] == [
        "response",
        "resolution",
        "follow_up",
    ]
    assert [promise.clock for promise in policy.promised("green", None)] == ["response"]
    assert policy.promise("red", "basic", "follow_up").goal == WorkingDays(2, DayMode.START_OF_DAY)
    assert policy.promise("red", "basic", "resolution").warn == 7200
    with pytest.raises(KeyError):
        policy.promise("green", "basic", "resolution")


def test_a_clock_stands_still_for_what_the_policy_says(tmp_path):
    plain = load_policy(written(tmp_path, GOOD))
    assert plain.paused_by("response") == frozenset(), "nothing pauses a first response"
    assert plain.paused_by("resolution") == {"waiting_for_customer"}
    said = load_policy(written(tmp_path, GOOD.replace("eligibility:", CLOCKS + "eligibility:")))
    assert said.paused_by("response") == {"waiting_for_customer"}, "unless the policy says so"
    assert said.paused_by("follow_up") == {"waiting_for_parts"}
    assert said.paused_by("resolution") == {"waiting_for_customer"}


def test_every_mistake_of_a_file_is_told_at_once_in_the_order_of_its_lines(tmp_path):
    text = GOOD.replace("severe}}", "awful}}").replace("class: green, clause: c", "class: grey, clause: c")
    text = text.replace("[basic]", "[basic, basic]").replace("[{calendar: work}]", "[{calendar: play}]")
    told = problems_of(tmp_path, text)
    assert [line.split(":")[0] for line in told] == ["6", "7", "11", "13"]


def test_every_mistake_of_every_file_is_told_at_once(tmp_path):
    written(tmp_path, GOOD.replace("severe}}", "awful}}"), "a.yaml")
    written(tmp_path, GOOD.replace("Europe/Rome", "EST"), "b.yaml")
    written(tmp_path, GOOD, "c.yaml")
    with pytest.raises(ConfigError) as failed:
        load_policies([tmp_path, tmp_path / "missing.yaml"])
    assert [line.split(":")[0].rpartition("/")[2] for line in failed.value.problems] == [
        "a.yaml",
        "b.yaml",
        "missing.yaml",
    ]


def test_a_later_file_replaces_a_policy_of_the_same_name(tmp_path):
    mine = written(tmp_path, GOOD.replace("policy: small", "policy: wildix"), "mine.yaml")
    policies = load_policies([SHIPPED, mine])
    assert policies["wildix"].title == "A small one"
    assert set(policies) == {"wildix", "wolfram", "helpdesk", "plm"}


def test_a_file_becomes_a_policy(tmp_path):
    policy = load_policy(written(tmp_path, GOOD))
    assert policy.promise("red", "basic").goal == SupportTime(3600)
    assert policy.promise("red", None).limit == SupportTime(7200), "without a plan, the first one"
    assert policy.promise("green", "basic").goal == NoGoal("nothing is promised"), "no plan serves every plan"
    assert [c.urgency for c in policy.classes.values()] == [0, 1]
    assert policy.triage_timeout == 600
    with pytest.raises(KeyError):
        policy.promise("red", "extra")


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        ("elapsed: 15m", Elapsed(900)),
        ("working_days: 2", WorkingDays(2)),
        ("support_time: 1h30m", SupportTime(5400)),
        ("end_of_working_day: {}", EndOfWorkingDay(True)),
        ("end_of_working_day: {before_opening: next_day}", EndOfWorkingDay(False)),
        ("none: nothing", NoGoal("nothing")),
    ],
)
def test_a_goal_is_worded_as_its_document_words_it(tmp_path, goal, expected):
    policy = load_policy(written(tmp_path, GOOD.replace("none: nothing is promised", goal)))
    assert policy.promise("green", None).goal == expected


def test_special_days_closed_days_and_holidays_shape_a_calendar(tmp_path):
    more = '"]}, holidays: {country: DE, subdivision: BY}, closed: [2026-12-28], special: {2026-12-24: ["09:00-12:00"], 2026-12-27: ["00:00-24:00"]}}'
    calendar = load_policy(written(tmp_path, GOOD.replace('"]}}', more))).calendars["work"]
    assert calendar.openings(date(2026, 12, 24)) == ((32_400, 43_200),)
    assert calendar.openings(date(2026, 12, 25)) == ()
    assert calendar.openings(date(2026, 12, 27)) == ((0, 86_400),), "a Sunday that is open"
    assert calendar.openings(date(2026, 12, 28)) == ()
    assert calendar.openings(date(2026, 1, 6)) == (), "Epiphany is a holiday in Bavaria"
    assert calendar.openings(date(2026, 1, 7)) != ()


def test_a_day_may_be_closed_or_short_in_every_year(tmp_path):
    more = '"]}, closed: ["12-24", 02-29], special: {12-31: ["09:00-12:00"], 2031-12-31: []}}'
    calendar = load_policy(written(tmp_path, GOOD.replace('"]}}', more))).calendars["work"]
    assert calendar.openings(date(2029, 12, 24)) == ()
    assert calendar.openings(date(2029, 12, 31)) == ((32_400, 43_200),)
    assert calendar.openings(date(2031, 12, 31)) == (), "a date wins over a day of every year"
    assert calendar.openings(date(2028, 2, 29)) == ()
    assert calendar.openings(date(2027, 3, 1)) != ()


def test_norway_is_not_false_and_a_version_keeps_its_zero():
    """YAML 1.1 would read NO as false."""
    policy = load_policy(SHIPPED / "plm.yaml")
    assert "NO" in policy.calendars
    assert policy.calendar_for("NO").name == "NO"


def test_w8_the_vendors_six_lines_are_shown_and_never_dialled():
    policy = load_policy(SHIPPED / "wildix.yaml")
    lines = [line["phone"] for line in policy.lines]
    assert lines == [
        "+16144841546",
        "+443300563663",
        "+3904611715112",
        "+498920006065",
        "+33176747983",
        "+34932202994",
    ]
    assert {step.channel for plan in policy.contact.values() for step in (*plan.inside, *plan.outside)} == {"ticket", "phone"}  # fmt: skip


def test_w3_outside_hours_only_critical_is_phoned_and_in_english():
    contact = load_policy(SHIPPED / "wildix.yaml").contact
    phoned = {
        name: [s.language for s in plan.outside if s.channel == "phone"] for name, plan in contact.items()
    }
    assert phoned == {"critical": ["en"], "standard": []}


@pytest.mark.parametrize("name", ["wildix", "wolfram", "helpdesk", "plm"])
def test_what_a_document_leaves_open_is_named_with_its_reading(name):
    policy = load_policy(SHIPPED / f"{name}.yaml")
    assert policy.assumptions
    assert all(a.name and a.clause and a.reading for a in policy.assumptions)
    assert all(rule.clause for rule in (*policy.rules, *policy.exclusions))
    assert all(promise.clause for promise in policy.promises.values())


# -- partners under policies (mission W1)

POLICIES = load_policies([SHIPPED])


def a_partner(name, tier="bronze", assigned_to=None, policy="wildix", country="IT", **kw):
    return Partner(
        id=name, name=name, policy=policy, tier=tier, country=country, assigned_to=assigned_to, **kw
    )


CHAINS = {
    "Gold is direct": ([a_partner("a", "gold")], []),
    "Silver is direct though it serves nobody": ([a_partner("a", "silver")], []),
    "Bronze through Gold": ([a_partner("a", "gold"), a_partner("b", assigned_to="a")], []),
    "six partners up to Platinum": (
        [a_partner("p", "platinum"), *(a_partner(str(n), assigned_to=str(n + 1)) for n in range(4)), a_partner("4", "silver", "p")],
        [],
    ),
    "Bronze through nobody": (
        [a_partner("b")],
        [("b", "partner 'b' (tier bronze) is not served directly and has no assigned_to (section 1)")],
    ),
    "Bronze through Silver only": (
        [a_partner("s", "silver"), a_partner("b", assigned_to="s")],
        [("b", "partner 's' (tier silver) may not stand in for 'b' and has no assigned_to (section 1)")],
    ),
    "an unknown partner": ([a_partner("b", assigned_to="x")], [("b", "partner 'b' is assigned to unknown 'x'")]),
    "to oneself": ([a_partner("b", assigned_to="b")], [("b", "assigned_to goes in a circle: b -> b")]),
    "a circle of three": (
        [a_partner("a", assigned_to="b"), a_partner("b", "reseller", "c"), a_partner("c", "end_user", "a")],
        [
            ("a", "assigned_to goes in a circle: a -> b -> c -> a"),
            ("b", "assigned_to goes in a circle: b -> c -> a -> b"),
            ("c", "assigned_to goes in a circle: c -> a -> b -> c"),
        ],
    ),
    "a circle further up": (
        [a_partner("a", assigned_to="b"), a_partner("b", assigned_to="c"), a_partner("c", "silver", "b")],
        [("a", "assigned_to goes in a circle: a -> b -> c -> b"), ("b", "assigned_to goes in a circle: b -> c -> b")],
    ),
    "no tier": (
        [a_partner("a", None)],
        [("a", "partner 'a' (tier None) is not served directly and has no assigned_to (section 1)")],
    ),
    "an unknown policy": (
        [a_partner("a", policy="wildx")],
        [("a", "unknown policy 'wildx': known are helpdesk, plm, wildix, wolfram")],
    ),
    "an unknown plan": (
        [a_partner("a", "gold", plan="premium"), a_partner("p", policy="plm", country="DK", plan="gold")],
        [("a", "policy wildix has no plan 'premium': known are none"), ("p", "policy plm has no plan 'gold': known are standard, premium")],
    ),
    "a country that nobody serves": (
        [a_partner("p", policy="plm", country="DE"), a_partner("q", policy="plm", country=None)],
        [
            ("p", "policy plm has no support hours for country DE: it serves DK, EE, FI, IS, LV, NO, SE"),
            ("q", "policy plm has no support hours for country none: it serves DK, EE, FI, IS, LV, NO, SE"),
        ],
    ),
    "a contact's hours by a calendar that is none": (
        [a_partner("a", "gold", contacts=(Contact(id="a-1", name="A", hours="europe"), Contact(id="a-2", name="B", hours="emea")))],
        [("a", "contact 'a-1': unknown hours 'europe': known are always, americas, emea")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CHAINS.values(), ids=CHAINS)
def test_w1_partners_are_checked_at_load(case):
    partners, told = case
    assert list(check_partners(POLICIES, {p.id: p for p in partners})) == told


def test_w1_a_chain_that_holds_may_not_leave_the_countries_served():
    north = replace(POLICIES["plm"], eligibility=POLICIES["wildix"].eligibility)
    partners = [a_partner("a", "gold", policy="plm", country="FR"), a_partner("b", assigned_to="a", policy="plm", country="DK")]  # fmt: skip
    told = [
        problem for of, problem in check_partners({"plm": north}, {p.id: p for p in partners}) if of == "b"
    ]
    assert told == [
        "policy plm has no support hours for country FR (served through 'a'): it serves DK, EE, FI, IS, LV, NO, SE"
    ]
