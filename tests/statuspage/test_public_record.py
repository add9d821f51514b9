import sqlalchemy as sa

from monitor.storage import public
from monitor.storage.schema import maintenances
from tests.statuspage import seeds
from tests.statuspage.seeds import NOW, ago


def test_changes_begin_with_the_state_each_component_was_in():
    engine = seeds.database()
    with engine.begin() as c:
        seeds.state(c, "a", "major_outage", ago(days=200))
        seeds.state(c, "a", "operational", ago(days=150))
        seeds.state(c, "b", "operational", ago(days=10))
        seeds.state(c, "a", "partial_outage", ago(days=5))
    record = seeds.read(engine)
    assert [(x.component, x.status) for x in record.changes] == [
        ("a", "operational"),
        ("b", "operational"),
        ("a", "partial_outage"),
    ]
    assert record.first_seen == {"a": ago(days=200), "b": ago(days=10)}


def test_only_incidents_that_are_global_and_public_are_read():
    engine = seeds.database()
    with engine.begin() as c:
        for n, (is_global, shown) in enumerate(((True, True), (True, False), (False, True), (False, False))):
            seeds.problem(c, f"i{n}", "T", [], opened=ago(hours=1), is_global=is_global, public=shown)
        seeds.maintenance(c, "m0", "T", "", starts=NOW, ends=NOW, public=False)
    record = seeds.read(engine)
    assert [problem.id for problem in record.problems] == ["i0"]
    assert record.maintenances == ()


def test_updates_come_newest_first_and_a_closed_incident_counts_as_resolved():
    engine = seeds.database()
    words = [("investigating", "one", ago(minutes=9), None), ("identified", "two", ago(minutes=3), NOW)]
    with engine.begin() as c:
        seeds.problem(c, "i", "T", words, opened=ago(minutes=9))
        seeds.problem(c, "j", "T", [], opened=ago(minutes=5), status="resolved", resolved_at=ago(minutes=1))
    closed, open_ = seeds.read(engine).problems
    assert (closed.state, closed.resolved_at) == ("resolved", ago(minutes=1))
    assert [update.body for update in open_.updates] == ["two", "one"]
    assert open_.updates[0].next_update_at == NOW


def test_the_newest_look_is_the_data_s_age():
    engine = seeds.well()
    with engine.begin() as c:
        assert public.newest_look(c) == ago(seconds=12)
    assert seeds.read(seeds.database()).looked_at is None


def test_many_problems_are_bounded_and_read_in_chunks():
    engine = seeds.database()
    with engine.begin() as c:
        for n in range(public.CHUNK + 20):
            seeds.problem(
                c, f"i{n}", "T", [("resolved", "x", ago(hours=n), None)], opened=ago(hours=n), resolved=NOW
            )
        assert len(public.public_problems(c, limit=public.CHUNK + 10)) == public.CHUNK + 10
        assert all(problem.updates for problem in public.public_problems(c))
        assert c.execute(sa.select(sa.func.count()).select_from(maintenances)).scalar() == 0
