"""Which components a public word bore on, before and after: from their record, in Statuspage's shape."""

import json

from statuspage import v2
from statuspage.board import build
from tests.statuspage import seeds
from tests.statuspage.seeds import NOW, SITE, ago


def told(*states, words, components=("cloud-eu", "push"), looked=NOW, **kw):
    """Return the updates of one problem, newest first, with the components' ``states`` on record."""
    engine = seeds.database()
    with engine.begin() as c:
        seeds.looked(c, looked)
        for component, status, at in states:
            seeds.state(c, component, status, at)
        said = [(status, f"word {n}", at, None) for n, (status, at) in enumerate(words)]
        seeds.problem(c, "inc-1", "Calls fail", said, components=components, opened=words[0][1], **kw)
    docs = v2.documents(build(seeds.read(engine), SITE, NOW))
    (incident,) = json.loads(docs["incidents.json"])["incidents"]
    return [
        [(one["name"], one["old_status"], one["new_status"]) for one in update["affected_components"] or ()]
        for update in incident["incident_updates"]
    ]


WELL = [("cloud-eu", "operational", ago(days=9)), ("push", "operational", ago(days=9))]
BOTH = [
    *WELL,
    ("cloud-eu", "major_outage", ago(minutes=30)),  # a round after the first word
    ("cloud-eu", "partial_outage", ago(minutes=20)),
    ("cloud-eu", "operational", ago(minutes=9, seconds=59)),
]


def test_each_word_tells_its_components_before_it_and_after_it_with_their_group():
    words = [("investigating", ago(minutes=30, seconds=1)), ("identified", ago(minutes=15)), ("resolved", ago(minutes=10))]  # fmt: skip
    resolved, identified, began = told(*BOTH, words=words, resolved=ago(minutes=10))
    well = ("Calls - Mobile push notifications", "operational", "operational")
    name = "Cloud - Cloud PBX, Europe"
    assert began == [(name, "operational", "major_outage"), well]
    assert identified == [(name, "partial_outage", "partial_outage"), well]
    assert resolved == [(name, "partial_outage", "operational"), well]


def test_two_words_within_a_minute_share_no_change():
    words = [("investigating", ago(minutes=30, seconds=20)), ("identified", ago(minutes=30, seconds=10))]
    identified, began = told(*BOTH, words=words, components=("cloud-eu",))
    assert [one[1:] for one in began] == [("operational", "operational")]
    assert [one[1:] for one in identified] == [("operational", "major_outage")]


def test_where_the_record_does_not_say_nothing_is_told():
    words = [("investigating", ago(minutes=30))]
    assert told(words=words) == [[]]
    assert told(*WELL, words=words, components=()) == [[]]
    assert told(*WELL, words=words, components=("not-configured",)) == [[]]


def test_each_entry_has_statuspages_keys_and_the_id_of_its_component():
    board = build(seeds.read(seeds.STATES["trouble"]()), SITE, NOW)
    docs = {name: json.loads(body) for name, body in v2.documents(board).items()}
    ids = {part["id"] for part in docs["components.json"]["components"]}
    happenings = (
        docs["incidents.json"]["incidents"] + docs["scheduled-maintenances.json"]["scheduled_maintenances"]
    )
    entries = [
        entry
        for one in happenings
        for update in one["incident_updates"]
        for entry in update["affected_components"] or ()
    ]
    assert entries
    for entry in entries:
        assert set(entry) == {"code", "name", "old_status", "new_status"}
        assert entry["code"] in ids
