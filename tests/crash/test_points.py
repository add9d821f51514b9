"""The list of failpoints is that of the sources, and every one of them is passed in its story."""

from tests.crash.harness import counted
from tests.crash.points import COMMITS, OFTEN, POINTS, STORY_OF, found


def test_every_failpoint_of_the_sources_is_known_and_every_known_one_is_there():
    places: dict[str, list[str]] = {}
    for point, place in found():
        places.setdefault(point, []).append(place)
    unknown = {point: where for point, where in places.items() if point not in POINTS}
    assert not unknown, f"add these to tests/crash/points.py, with the story that passes them: {unknown}"
    assert sorted(set(POINTS) - set(places)) == [], "these are in tests/crash/points.py and in no source"


def test_every_failpoint_is_passed_in_its_story(harness):
    counts = harness.do(counted(harness.server))
    assert [point for point in POINTS if not counts[STORY_OF[point]][point]] == []
    assert [point for point in OFTEN if counts[STORY_OF[point]][point] < 2] == []
    assert {
        story: counts[story]["store.after_commit"] >= most * 0.8 for story, most in COMMITS.items()
    } == dict.fromkeys(COMMITS, True)
