"""What the metrics say of crash reports: each is counted once, under the source it came from."""

from tests.factories import a_crash


async def test_a_report_is_counted_by_the_face_that_took_it_and_by_no_one_else(world):
    await world.service.digest.accept(a_crash("PBX-1", at=world.clock()), token="tok")
    counted = [
        sample.value
        for metric in world.service.rounds.metrics.crash_reports.collect()
        for sample in metric.samples
    ]
    assert sum(counted) == 0


async def test_reports_of_one_batch_are_counted_as_digested_under_their_own_sources(world):
    for source in ("json", "sentry", "sentry"):
        await world.service.digest.accept(a_crash("PBX-1", source=source, at=world.clock()), token="tok")
    await world.service.digest.digest()
    for source, count in (("json", 1), ("sentry", 2)):
        assert world.metric("tocsin_crash_reports_total", source=source, result="digested") == count
