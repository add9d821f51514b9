"""``tocsin request check`` and ``tocsin policy coverage``, as people and programs run them."""

import io
import json
import sys

import pytest

from monitor.cli import main

MAIL = {
    "policy": "wildix", "channel": "email", "at": "2026-11-24T10:00:00+01:00", "partner": "aurora",
    "system": "PBX-1001", "class": "standard", "existing_ticket": None, "ticket_state": None,
    "fields": {"subject": "No audio", "message": "Since this morning"},
}  # fmt: skip
TICKET = {**MAIL, "channel": "portal"}


@pytest.fixture
def check(tmp_path, capsys):
    def run(request, *options):
        file = tmp_path / "request.json"
        file.write_text(request if isinstance(request, str) else json.dumps(request))
        status = main(["request", "check", str(file), *options])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_a_request_that_is_taken_exits_0_and_has_every_key_of_the_contract(check):
    status, out, _ = check(TICKET, "--json")
    answer = json.loads(out)
    assert status == 0
    assert answer["accepted"] is True
    keys = ("accepted", "missing", "channel_allowed", "class", "clause", "duties", "charge", "reasons")
    assert tuple(answer)[: len(keys)] == keys
    assert answer["charge"].keys() == {"incidents", "because"}


def test_a_request_that_is_refused_exits_1_and_is_printed_all_the_same(check):
    status, out, err = check(MAIL, "--json")
    answer = json.loads(out)
    assert (status, err) == (1, "")
    assert (answer["accepted"], answer["channel_allowed"], answer["clause"]) == (False, False, "3")


def test_for_a_person_it_reads_as_a_table(check):
    status, out, _ = check(MAIL)
    assert status == 1
    assert out.splitlines()[0] == "accepted    no"
    assert "open it in the portal" in out


def test_duties_are_named_with_their_due_in_utc(check):
    request = {
        "policy": "wolfram", "channel": "email", "at": "2026-11-24T10:00:00-06:00", "class": "critical", "fields": {},
    }  # fmt: skip
    _, out, _ = check(request, "--json")
    assert json.loads(out)["duties"] == [
        {"duty": "call_within_15_minutes", "due": "2026-11-24T16:15:00Z"},
        {"duty": "provide_staff_and_access", "due": None},
    ]


def test_a_moment_without_an_offset_is_read_in_the_calendars_zone(check):
    request = {**TICKET, "partner": "birch", "at": "2026-11-24T10:00:00"}
    _, out, _ = check(request, "--json")
    assert json.loads(out)["at"] == "2026-11-24T15:00:00Z"


def test_stdin_is_read_for_a_dash(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(TICKET)))
    assert main(["request", "check", "-", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accepted"] is True


# id: (what is changed in a good request, the line told)
MALFORMED = {
    "an unknown policy": ({"policy": "wildx"}, "policy: unknown 'wildx'; known are helpdesk, plm, wildix, wolfram; did you mean wildix?"),
    "an unknown channel": ({"channel": "fax"}, "channel: input should be 'portal', 'api', 'phone', 'email', 'chat' or 'social'"),
    "an unknown field": ({"fields": {"subjct": "x"}}, "did you mean subject?"),
    "an unknown key": ({"clas": "critical"}, "clas: unknown key; known are"),
    "an unknown partner": ({"partner": "aurra"}, "partner: unknown 'aurra'; known are aurora, birch, cedar, dune, elm; did you mean aurora?"),
    "an unknown contact": ({"contact": "aurora-9"}, "contact: unknown 'aurora-9'"),
    "somebody else's contact": ({"contact": "birch-1"}, "contact: 'birch-1' is a contact of partner 'birch', not of 'aurora'"),
    "a moment before all calendars": ({"at": "0001-01-01T00:00:00+14:00"}, "at"),
    "a moment after all calendars": ({"at": "9999-12-31T23:59:59Z"}, "at"),
    "a moment that is none": ({"at": "yesterday"}, "at: 'yesterday' is not ISO 8601"),
    "a state that is none": ({"ticket_state": "asleep"}, "ticket_state: input should be 'open' or 'closed'"),
    "an unknown fact": ({"facts": {"imapct": "severe"}}, "facts.imapct: unknown fact"),
    "an unknown standing": ({"standing": {"gold": True}}, "standing.gold: unknown standing"),
    "fields that are no mapping": ({"fields": []}, "fields: input should be an object"),
    "a length that is none": ({"appointment_minutes": -1}, "appointment_minutes: input should be greater than or equal to 0"),
    "planned for no moment": ({"planned_start": "soon"}, "planned_start: 'soon' is not ISO 8601"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "line"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_request_is_told_where_what_and_how_to_mend_it(check, change, line):
    status, out, err = check({**TICKET, **change}, "--json")
    assert (status, out) == (1, "")
    assert line in err


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "request: invalid JSON"),
        ("[]", "request: must be an object"),
        ('{"channel": "email"}', "policy: this key is missing"),
        ('{"policy": "wildix"', "request: invalid JSON"),
        ('{"fields": ' + "[" * 5000, "request: invalid JSON"),
    ],
    ids=["nothing", "a list", "no policy", "cut short", "endlessly deep"],
)
def test_what_is_no_request_is_told_so(check, text, line):
    status, _, err = check(text)
    assert status == 1
    assert line in err
    assert "Traceback" not in err


def test_the_coverage_lists_every_clause_with_what_cites_it(capsys):
    assert main(["policy", "coverage", "wildix", "--json"]) == 0
    clauses = {one["clause"]: one for one in json.loads(capsys.readouterr().out)["clauses"]}
    assert list(clauses) == ["0", "1", "2", "2.1", "2.2", "3", "3.1", "3.2", "3.3", "3.4", "4"]
    assert ("rules", "call-drops") in {(c["part"], c["name"]) for c in clauses["2.1"]["cited_by"]}
    assert ("requests.channels.chat", "chat") in {(c["part"], c["name"]) for c in clauses["3.3"]["cited_by"]}


def test_the_coverage_of_all_policies_reads_as_text(capsys):
    assert main(["policy", "coverage"]) == 0
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line and line[0] != " "] == [
        "helpdesk",
        "plm",
        "wildix",
        "wolfram",
    ]


def test_the_coverage_of_an_unknown_policy_is_refused(capsys):
    assert main(["policy", "coverage", "wildx"]) == 1
    assert "known are helpdesk, plm, wildix, wolfram" in capsys.readouterr().err
