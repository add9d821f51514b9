"""What is not as promised after a cycle: judged by the far ends' logs, the record, and what was shown.

Every problem begins with its kind: ``lost``, ``ticket doubled``, ``call placed twice``, ``unseen`` or ``wrong``.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from alerts.script import phrase
from tests.crash.far_ends import ATTEMPT, FakeTracker, FarEnds, MailServer, PlacedCall, Provider
from tests.crash.stories import CRASHES, CROWD

Row = dict[str, Any]
Rows = Callable[[str], list[Row]]
KINDS = ("lost", "ticket doubled", "call placed twice", "unseen", "wrong")
UNSETTLED = ("waiting", "claimed", "sent")
SENDING = "it is being sent"
TOLD = ("acknowledged", "no_answer", "busy", "refused")
"""Results that only somebody who was called can have given."""
GIVEN_UP = ("failed", "set_aside")
IN_DOUBT = """
SELECT attempts.id FROM attempts JOIN outbox ON outbox.id = attempts.outbox
WHERE attempts.status <> 'ended' AND outbox.state IN ('claimed', 'sent')
"""
"""Attempts that had begun when we died: of their end nothing is known."""


def in_doubt(rows: Rows) -> list[str]:
    """Return the attempts of whose end nothing is known."""
    return [row["id"] for row in rows(IN_DOUBT)]


def wrong(story: str, folder: Path, ends: FarEnds, rows: Rows, *, doubts: list[str]) -> list[str]:
    """Return what is not as promised."""
    incidents, outbox = rows("SELECT * FROM incidents"), rows("SELECT * FROM outbox")
    attempts = rows("SELECT * FROM attempts")
    said = [line.split() for line in (folder / "ledger").read_text().splitlines()]
    promised = {words[1] for words in said if words[0] == "accepted"}
    if story == "storm":
        told = _storm(incidents, outbox)
    elif story == "outage":
        told = [*_outage(promised, incidents, rows), *_alert(said, incidents, rows)]
    elif story == "dump":
        told = _dump(incidents, rows)
    else:
        told = _people(promised, incidents, outbox, rows)
    return [
        *told,
        *_tickets(ends.tracker, incidents, outbox, rows("SELECT * FROM tickets")),
        *_echoes(rows("SELECT * FROM ticket_notes")),
        *_calls(ends.provider, [row for row in attempts if row["channel"] in ("phone", "page")]),
        *_mails(ends.mails, outbox, attempts),
        *_chats(ends.tracker, outbox),
        *_outbox(outbox, attempts),
        *_unseen(folder, doubts, incidents, outbox, attempts),
    ]


# the stories -----------------------------------------------------------------------------------------------


def _outage(promised: set[str], incidents: list[Row], rows: Rows) -> Iterable[str]:
    crashes = rows("SELECT * FROM crashes")
    kept = Counter(row["key"] for row in crashes)
    yield from (f"lost: report {key} was accepted and is not on record" for key in promised - set(kept))
    yield from (f"wrong: report {key} is on record {n} times" for key, n in kept.items() if n > 1)
    yield from (f"lost: report {row['key']} was never digested" for row in crashes if not row["digested_at"])
    if len(promised) != CRASHES:
        yield f"wrong: only {len(promised)} reports were accepted in the end"
    by_system = Counter(row["system"] for row in incidents)
    if by_system != {"PBX-1": 1, "PBX-2": 1}:
        yield f"lost: there are incidents of {dict(by_system)}, and should be one of each system"
    if not rows("SELECT * FROM findings WHERE origin = 'pbx-1-sip'"):
        yield "lost: the check that saw the outage has no finding, whoever else told of it"
    for row in incidents:
        if row["system"] == "PBX-1" and row["status"] != "resolved":
            yield f"wrong: the outage is {row['status']}, though it is over"
    yield from _asked(rows("SELECT * FROM requests"), rows("SELECT * FROM attempts"))


def _alert(said: list[list[str]], incidents: list[Row], rows: Rows) -> Iterable[str]:
    """Judge the alert that said the same as our own looks: answered, kept once, joined, and over."""
    alerts = rows("SELECT * FROM alerts")
    if {words[1] for words in said if words[0] == "told"} != {"firing", "over"} or len(alerts) != 1:
        yield f"lost: there are {len(alerts)} alerts, and should be one, answered twice"
        return
    (alert,) = alerts
    about = [row["id"] for row in incidents if row["system"] == "PBX-1"]
    if alert["outcome"] not in about:
        yield f"lost: an alert was accepted and its outcome is {alert['outcome']}, not the incident of its system"
    if alert["todo"] or alert["standing"] != "resolved":
        yield f"lost: the alert was said to be over, and is {alert['standing']}, to be judged: {alert['todo']}"
    standing = rows("SELECT * FROM findings WHERE origin LIKE 'alert:%' AND recovered_at IS NULL")
    if standing:
        yield "lost: the alert is over, and its finding stands"


def _dump(incidents: list[Row], rows: Rows) -> Iterable[str]:
    crashes, dumps = rows("SELECT * FROM crashes"), rows("SELECT * FROM crash_dumps")
    if len(crashes) != 1 or len(dumps) != 1:
        yield f"lost: there are {len(crashes)} reports with {len(dumps)} dumps, and should be one"
    if [row["system"] for row in incidents] != ["PBX-2"]:
        yield f"lost: there are incidents of {[row['system'] for row in incidents]}, and should be one of PBX-2"
    if not all(row["digested_at"] for row in crashes) or not all(row["read_at"] for row in dumps):
        yield "lost: a dump was accepted and never read, or its report never digested"


def _storm(incidents: list[Row], outbox: list[Row]) -> Iterable[str]:
    problems = [row for row in incidents if row["is_global"]]
    if len(problems) != 1:
        yield f"lost: there are {len(problems)} global problems, and should be one"
        return
    (problem,) = problems
    by_system = Counter(row["system"] for row in incidents if not row["is_global"])
    if by_system != dict.fromkeys(CROWD, 1):
        yield f"lost: there are incidents of {dict(by_system)}, and should be one of each system"
    loose = [row["system"] for row in incidents if not row["is_global"] and row["parent"] != problem["id"]]
    if loose:
        yield f"lost: {loose} do not stand under the problem"
    standing = [row["title"] for row in incidents if row["status"] != "resolved"]
    if standing:
        yield f"wrong: all are well, and {standing} are not resolved"
    told = [row for row in outbox if row["dedup"] == f"{problem['id']}|told|aurora"]
    if len(told) != 1:
        yield f"lost: the partner is owed {len(told)} contacts about the problem, and should be one"
    single = [row for row in outbox if row["kind"] in ("ticket.open", "call") and row["state"] == "done"]
    if len(single) > 1:
        yield f"wrong: the partner was contacted {len(single)} times"


def _asked(requests: list[Row], attempts: list[Row]) -> Iterable[str]:
    """Judge the request that pages the engineer: taken by who pressed 1, or said to be nobody's."""
    if len(requests) != 1:
        yield f"lost: there are {len(requests)} requests, and should be one"
        return
    (request,) = requests
    taken = [row for row in attempts if row["request"] and row["result"] == "acknowledged"]
    if len(taken) > 1:
        yield f"wrong: the request was taken {len(taken)} times by phone"
    if taken and request["assignee"] != "nadia":
        yield f"wrong: key 1 was pressed, and the request is {request['assignee']}'s"
    if not taken and not request["flagged"]:
        yield "unseen: nobody took the request, and nobody is told"


def _people(promised: set[str], incidents: list[Row], outbox: list[Row], rows: Rows) -> Iterable[str]:
    requests = rows("SELECT * FROM requests")
    known = {row["id"] for row in (*incidents, *requests)}
    yield from (f"lost: {id_} was accepted and is not on record" for id_ in promised - known)
    if len(requests) != 1:
        yield f"wrong: there are {len(requests)} requests, and should be one"
    by_title = Counter(row["system"] or row["title"] for row in incidents)
    if by_title != {"PBX-2": 1, "PBX-3": 1, "Calls fail": 1}:
        yield f"lost: there are incidents of {dict(by_title)}, and should be one of each"
    for row in incidents:
        if row["id"] in promised and row["status"] == "open":
            yield f"lost: {row['title']} was acknowledged or ended, and is open"
    works = rows("SELECT * FROM maintenances")
    if len(works) != 1:
        yield f"lost: there are {len(works)} planned works, and should be one"
    answers = [row for row in rows("SELECT * FROM request_messages") if row["text"] == "Try again."]
    if len(answers) != 1:
        yield f"lost: the customer was answered {len(answers)} times"
    announced = [row for row in outbox if row["kind"] == "announce"]
    if len(announced) < 4:
        yield f"lost: {len(announced)} announcements are owed, and should be four"
    told = {
        (row["incident"] or row["maintenance"], row["phase"]) for row in rows("SELECT * FROM announcements")
    }
    begun = [(row["id"], "begun") for row in incidents if row["is_global"] and row["public"]]
    for about in (*begun, *((row["id"], "planned") for row in works)):
        if about not in told:
            yield f"lost: it was never announced that {about[0]} is {about[1]}"


# the channels ----------------------------------------------------------------------------------------------


def _tickets(
    tracker: FakeTracker, incidents: list[Row], outbox: list[Row], known: list[Row]
) -> Iterable[str]:
    opened = Counter(ticket.incident for ticket in tracker.tickets)
    rows = {row["incident"]: row for row in outbox if row["kind"] == "ticket.open"}
    for row in incidents:
        owed = rows.get(row["id"])
        times, system = opened[row["id"]], row["system"]
        if times > 1:
            yield f"ticket doubled: {times} were opened for the incident of {system}"
        if owed and not times and owed["state"] not in (*GIVEN_UP, "cancelled"):
            yield f"lost: no ticket was opened for the incident of {system}, its row is {owed['state']}"
        if owed and not times and owed["state"] in GIVEN_UP and not owed["reason"]:
            yield f"unseen: no ticket was opened for the incident of {system}, and nothing says why"
    recorded = {(row["incident"], row["reference"]) for row in known}
    real = {(ticket.incident, str(ticket.id)) for ticket in tracker.tickets}
    given_up = {row["incident"] for row in rows.values() if row["state"] in GIVEN_UP}
    if {pair for pair in real ^ recorded if pair[0] not in given_up}:
        yield f"lost: the tickets on record are {recorded}, the real ones {real}"
    over = {row["id"] for row in incidents if row["status"] == "resolved"}
    closing = {row["incident"]: row for row in outbox if row["kind"] == "ticket.resolve"}
    for ticket in tracker.tickets:
        if ticket.incident in over and ticket.incident not in given_up:
            owed = closing.get(ticket.incident)
            told = owed is not None and owed["state"] in GIVEN_UP
            if not told and (ticket.status != "resolved" or not ticket.notes):
                yield f"lost: ticket {ticket.id} of a resolved incident is {ticket.status}, told {ticket.notes}"
        if len(set(ticket.files)) != len(ticket.files):
            yield f"wrong: a file is on ticket {ticket.id} twice"
        if len(set(marks := [_mark(note) for note in ticket.notes])) != len(marks):
            yield f"wrong: a note is in ticket {ticket.id} twice: {ticket.notes}"


def _echoes(notes: list[Row]) -> Iterable[str]:
    """Nobody but us wrote in a ticket: what was read there is an echo of ours, and no news."""
    for note in notes:
        if note["kind"] in ("public", "internal"):
            yield f"wrong: our own words came back as news: {note['text']!r}"


def _mark(note: str) -> str:
    """Return our mark in a note, its last line: one mark, one note."""
    return note.rstrip().rsplit("\n", 1)[-1]


def _calls(provider: Provider, attempts: list[Row]) -> Iterable[str]:
    known = {row["id"]: row for row in attempts}
    for attempt, times in Counter(provider.attempts()).items():
        if times > 1:
            yield f"call placed twice: attempt {attempt} was placed {times} times"
        if attempt not in known:
            yield f"lost: attempt {attempt} was placed and is not on record"
        elif known[attempt]["result"] == "failed" and not (
            _failed_there(provider, attempt) or _hung_up(provider, attempt)
        ):
            yield f"wrong: {attempt} was placed and is recorded as failed: {known[attempt]['detail']}"
    placed = set(provider.attempts())
    said = Counter(_attempt(call) for call in provider.calls if _confirmed(call))
    for row in attempts:
        if row["id"] not in placed and "@" not in (row["recipient"] or "") and row["result"] in TOLD:
            yield f"lost: attempt {row['id']} is recorded as {row['result']} and was never placed"
        if said[row["id"]] and row["result"] != "acknowledged":
            yield f"lost: on call {row['id']} 1 was pressed and confirmed, the record says {row['result']}"
        if row["status"] != "ended":
            yield f"wrong: attempt {row['id']} never came to an end ({row['status']})"
    yield from _taken(attempts)


def _taken(attempts: list[Row]) -> Iterable[str]:
    """Judge how often 1 was pressed: once for each contact owed, and by our own people twice at most.

    Those are the word that triage asks for, and whoever takes it over where a contact to the partner was given up; the
    partner's own call may be in the air beside them.
    """
    # a key that was told after its call had been asked about and held to be unanswered is history
    counted = (row for row in attempts if row["incident"] and "looked up" not in row["detail"])
    pressed = [row for row in counted if row["result"] == "acknowledged"]
    by_contact = Counter(row["outbox"] for row in pressed)
    yield from (
        f"wrong: contact {owed} was acknowledged {n} times" for owed, n in by_contact.items() if n > 1
    )
    pages = Counter(row["incident"] for row in pressed if row["channel"] == "page")
    yield from (
        f"wrong: incident {i} was taken {n} times by our own people" for i, n in pages.items() if n > 2
    )


def _attempt(call: PlacedCall) -> str:
    return ATTEMPT.findall(call.get("StatusCallback"))[0]


def _confirmed(call: PlacedCall) -> bool:
    """Whether somebody was told that their key 1 is on record."""
    return any(
        call.heard and call.heard[-1] == phrase(language, "confirmed") for language in ("it", "en", "da")
    )


def _hung_up(provider: Provider, attempt: str) -> bool:
    """Whether we ended the call while it rang, because its matter was settled."""
    return any(call.status == "canceled" for call in provider.calls if _attempt(call) == attempt)


def _failed_there(provider: Provider, attempt: str) -> bool:
    return any(attempt in call.get("StatusCallback") and call.status == "failed" for call in provider.calls)


def _mails(mails: MailServer, outbox: list[Row], attempts: list[Row]) -> Iterable[str]:
    """Mails are at-least-once, but under one Message-ID: nobody reads a thing twice without knowing."""
    kinds = [row for row in outbox if row["channel"] == "mail"]
    by_id = Counter(id_ for _, id_ in mails.taken)
    done = [row for row in kinds if row["state"] == "done"]
    if len(by_id) < len(done):
        yield f"lost: {len(done)} mails are done, the server took {len(by_id)}"
    if len(by_id) > len(kinds):
        yield f"wrong: {len(by_id)} different mails were sent, {len(kinds)} are owed"
    tries = Counter(row["outbox"] for row in attempts if row["channel"] == "mail")
    if by_id and max(by_id.values()) > max(tries.values(), default=0):
        yield "wrong: a mail was sent more often than it was tried"


def _chats(tracker: FakeTracker, outbox: list[Row]) -> Iterable[str]:
    """Messages to a room are at-least-once."""
    done = sum(row["channel"] == "chat" and row["state"] == "done" for row in outbox)
    if len(tracker.messages) < done:
        yield f"lost: {done} messages are said in the room, it heard {len(tracker.messages)}"


def _outbox(rows: list[Row], attempts: list[Row]) -> Iterable[str]:
    for row in rows:
        if row["state"] in UNSETTLED:
            yield f"lost: {row['kind']} is still {row['state']}: {row['reason']}"
        if row["state"] in GIVEN_UP and not row["reason"]:
            yield f"unseen: {row['kind']} is {row['state']}, and nothing says why"
    by_id = {row["id"]: row for row in rows}
    for attempt in attempts:
        owner = by_id[attempt["outbox"]]
        if attempt["result"] == "ambiguous" and owner["kind"] == "call" and owner["state"] == "set_aside":
            pages = [row for row in rows if row["kind"] == "page" and row["incident"] == owner["incident"]]
            if not pages:
                yield f"unseen: attempt {attempt['id']} is ambiguous, and nobody was told"


# what was shown ----------------------------------------------------------------------------------------------


def _unseen(
    folder: Path, doubts: list[str], incidents: list[Row], outbox: list[Row], attempts: list[Row]
) -> Iterable[str]:
    if doubts and not (folder / "seen").exists():
        yield "unseen: nobody looked after the restart"
        return
    if doubts:
        shown = json.loads((folder / "seen").read_text())
        for doubt in doubts:
            yield from _shown(shown, doubt, attempts, "a minute after the restart")
    if not any(row["state"] in GIVEN_UP for row in outbox):
        return
    final = json.loads((folder / "seen-at-the-end").read_text())
    open_ = {row["id"]: row for row in incidents if row["status"] != "resolved"}
    rows = {row["id"]: row for row in outbox}
    for attempt in attempts:
        if attempt["result"] != "ambiguous" or rows[attempt["outbox"]]["state"] not in GIVEN_UP:
            continue
        yield from _shown(final, attempt["id"], attempts, "at the end")
        if attempt["incident"] in open_ and not _on_board(final["/noc/board"], attempt["incident"]):
            yield f"unseen: {attempt['id']} is ambiguous, and the board's line says nothing of it"
    for state, name in (("failed", "Contacts failed"), ("set_aside", "Contacts set aside")):
        undone = sum(row["state"] == state for row in outbox)
        counter = f'counter-value">{undone}</span> <span class="counter-name">{name}'
        if undone and counter not in final["/noc/board"]:
            yield f"unseen: {undone} contacts are {state}, and the board does not count them"


def _shown(shown: dict[str, str], doubt: str, attempts: list[Row], when: str) -> Iterable[str]:
    """Judge whether what was shown explains an attempt: its end, or that it is in doubt, and why."""
    attempt = next(row for row in attempts if row["id"] == doubt)
    owed = {row["id"]: row for row in json.loads(shown["/api/v1/outbox"])["items"]}
    row = owed.get(attempt["outbox"])
    if row is None:
        yield f"unseen: {when} the API lists no contact for attempt {doubt}"
        return
    # it may have gone on to its next contact between the two looks
    called = {each["recipient"] or "" for each in attempts if each["outbox"] == row["id"]}
    if not any(
        one in shown["/noc/outbox"] for one in (row["id"], row["recipient"] or row["partner"] or "", *called)
    ):
        yield f"unseen: {when} the console's outbox does not list {row['id']}"
    if attempt["channel"] in ("phone", "page") and "@" not in (attempt["recipient"] or ""):
        calls = {call["id"]: call for call in json.loads(shown["/api/v1/calls"])["items"]}
        if doubt not in calls:
            yield f"unseen: {when} the API lists no call {doubt}"
        elif calls[doubt]["result"] == "pending" and _silent(row):
            yield f"unseen: {when} call {doubt} is pending and nothing says why"
    elif row["state"] not in ("done", "cancelled") and _silent(row):
        yield f"unseen: {when} {row['kind']} is {row['state']} and nothing says why"


def _silent(row: Row) -> bool:
    """Whether nothing explains a row; that it is being sent is no explanation, for the sender is dead."""
    return not row["reason"] and (row["waits_because"] or SENDING) == SENDING


def _on_board(page: str, incident: str) -> bool:
    line = page.partition(f'data-id="{incident}"')[2].partition("</tr>")[0].lower()
    return any(word in line for word in ("ambiguous", "doubt", "nobody knows"))
