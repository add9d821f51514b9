"""Whose turn it is: urgent first, first contacts first, every partner in turn; held against an oracle that picks one by one."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.contacts import PRIORITY_NORMAL, PRIORITY_PAGE, PRIORITY_URGENT
from monitor.domain.queueing import Band, Queued, Stage, band, in_order, provider_of, stage


def a_row(seq: int = 1, **other) -> Queued:
    return Queued(**{"seq": seq, "priority": PRIORITY_NORMAL, "partner": "aurora", "first": True} | other)


def picked_one_by_one(rows: list[Queued]) -> list[Queued]:
    """Pick, again and again, who is next: whoever of the most urgent was given the fewest turns yet."""
    left, order, turns = list(rows), [], Counter()

    def place(row: Queued) -> tuple:
        lane = (band(row.priority), stage(first=row.first, attempts=row.attempts), row.partner or "")
        own = [each for each in left if lane_of(each) == lane]
        foremost = min(own, key=lambda each: (each.priority, each.seq))
        return (*lane[:2], turns[lane], row.served, row.priority, row.seq, row is not foremost)

    while left:
        heads = [row for row in left if not place(row)[-1]]
        chosen = min(heads, key=lambda row: place(row)[:-1])
        turns[lane_of(chosen)] += 1
        order.append(chosen)
        left.remove(chosen)
    return order


def lane_of(row: Queued) -> tuple:
    return (band(row.priority), stage(first=row.first, attempts=row.attempts), row.partner or "")


@st.composite
def queues(draw) -> list[Queued]:
    partners = ["aurora", "birch", "cedar", None]
    served = {partner: draw(st.integers(0, 4)) for partner in partners}
    rows = []
    for seq in range(draw(st.integers(0, 14))):
        partner = draw(st.sampled_from(partners))
        rows.append(
            Queued(
                seq=seq,
                priority=draw(st.sampled_from([10, 11, 20, 21, 99, 100, 101])),
                partner=partner,
                first=draw(st.booleans()),
                attempts=draw(st.integers(0, 2)),
                served=served[partner],
            )
        )
    return draw(st.permutations(rows))


@given(queues())
def test_the_order_is_that_of_picking_one_by_one(rows):
    assert in_order(rows) == picked_one_by_one(rows)


def test_five_hundred_rows_of_one_stand_before_nobodys_first():
    many = [a_row(seq) for seq in range(500)]
    one = a_row(1000, partner="birch")
    assert in_order([*many, one]).index(one) == 1


def test_whoever_was_served_longest_ago_begins():
    rows = [a_row(1, served=9), a_row(2, partner="birch", served=3), a_row(3, partner="cedar")]
    assert [row.partner for row in in_order(rows)] == ["cedar", "birch", "aurora"]


def test_urgent_then_first_then_later_then_again():
    again = a_row(1, attempts=3)
    later = a_row(2, first=False)
    first = a_row(3)
    urgent = a_row(4, priority=PRIORITY_URGENT, attempts=5)
    page = a_row(5, priority=PRIORITY_PAGE, first=False)
    assert in_order([again, later, first, urgent, page]) == [page, urgent, first, later, again]
    assert (band(PRIORITY_PAGE), band(PRIORITY_URGENT), band(PRIORITY_NORMAL)) == tuple(Band)
    assert stage(first=True, attempts=1) is Stage.RETRY


def test_a_page_to_an_address_queues_for_the_mail_server():
    assert provider_of("page", "nadia@example.org") == "mail"
    assert provider_of("page", "+498998765432") == provider_of("phone", None) == "phone"
    assert provider_of("ticket", "nadia@example.org") == "ticket"
