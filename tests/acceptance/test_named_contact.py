"""E4: a Critical request names who can be reached at any hour; without, it waits for that and says so."""

from tests.acceptance.desks import CRITICAL_MAIL, DESK, TUESDAY_IN_CHICAGO, a_filing
from tests.acceptance.world import MovableClock, a_world


async def test_e4_a_critical_request_that_names_nobody_waits_for_the_name(tmp_path, database_url):
    clock = MovableClock(now=TUESDAY_IN_CHICAGO)
    async with a_world(tmp_path, database_url, configuration=DESK, clock=clock) as world:
        nobody = {name: value for name, value in CRITICAL_MAIL.items() if name != "contact_24x7"}
        filed = await world.service.desk.file(a_filing(channel="email", contact="lee", fields=nobody))
        (row,) = await world.rows("requests", id=filed.id)
        assert (row["status"], row["class"]) == ("incomplete", "critical")
        assert filed.judgement.missing == ("contact_24x7",)
        (answer,) = [each for each in await world.rows("outbox") if each["kind"] == "answer"]
        assert answer["recipient"] == "lee@lab.example"
        named = await world.service.desk.file(a_filing(channel="email", contact="lee", fields=CRITICAL_MAIL))
        assert (named.judgement.missing, str(named.status)) == ((), "open")
