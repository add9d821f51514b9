"""Who may see which request, over random organisations, against the rule said in plain words (mission P5)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.domain.access import Viewer
from monitor.domain.request_life import Case, RequestStatus
from monitor.storage import request_filing
from monitor.storage import requests as book
from monitor.storage.lists import Wanted
from monitor.storage.request_filing import Message, NewRequest
from monitor.storage.requests import Person
from monitor.storage.schema import metadata
from tests.factories import MONDAY_AT_TEN

PARTNERS = {"north": ("n1", "n2", "n3"), "south": ("s1", "s2"), "alone": ("a1",)}
CONTACTS = {contact: partner for partner, contacts in PARTNERS.items() for contact in contacts}


@dataclass(frozen=True)
class Filed:
    """A request as it was filed."""

    contact: str | None
    partner: str | None
    visibility: str
    copied: tuple[str, ...]


def filed():
    contact = st.sampled_from([None, *CONTACTS])
    copied = st.lists(st.sampled_from(list(CONTACTS)), max_size=3, unique=True).map(tuple)
    return st.builds(
        lambda who, rule, others, known: Filed(
            contact=who,
            partner=CONTACTS.get(who or "") if known else None,
            visibility=rule,
            copied=others,
        ),
        contact,
        st.sampled_from(["partner", "requester_only"]),
        copied,
        st.booleans(),
    )


def may_see(viewer: Viewer, request: Filed) -> bool:
    """Say the rule as the document has it."""
    if viewer.staff:
        return True
    if viewer.contact is None:
        return False
    if viewer.contact == request.contact or viewer.contact in request.copied:
        return True
    return (
        request.visibility == "partner" and request.partner is not None and viewer.partner == request.partner
    )


def everybody():
    yield Viewer(name="ours", staff=True)
    yield Viewer(name="nobody")
    yield Viewer(name="nobody of a partner", partner="north")
    for contact, partner in CONTACTS.items():
        yield Viewer(name=contact, contact=contact, partner=partner)


def put(c: sa.Connection, n: int, one: Filed) -> str:
    case = Case(
        id=f"req_{n}",
        reference="",
        policy="p",
        policy_version="1",
        policy_digest="d",
        channel="portal",
        status=RequestStatus.OPEN,
        subject=f"word{n}",
        received_at=MONDAY_AT_TEN,
        partner=one.partner,
        contact=one.contact,
        visibility=one.visibility,
    )
    people = [Person(role="requester", contact=one.contact, email=f"{n}@x.example")]
    people += [Person(role="copied", contact=each) for each in one.copied if each != one.contact]
    new = NewRequest(
        case=case,
        dedup=None,
        request={},
        judgement={},
        reply_key="k",
        people=people,
        message=Message(id=f"msg_{n}", author="x", side="customer", text=f"said{n}"),
    )
    return request_filing.file(c, new, lambda _: (), MONDAY_AT_TEN).id


@cache
def a_record() -> sa.Engine:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    metadata.create_all(engine)
    return engine


@contextmanager
def an_empty_record() -> Iterator[sa.Connection]:
    """Give the same record to every example; what one writes is taken back."""
    with a_record().connect() as c, c.begin() as transaction:
        yield c
        transaction.rollback()


@settings(max_examples=30, deadline=None)
@given(requests=st.lists(filed(), min_size=1, max_size=8))
def test_p5_everybody_sees_just_what_the_rule_gives_them(requests):
    with an_empty_record() as c:
        ids = [put(c, n, one) for n, one in enumerate(requests)]
        for viewer in everybody():
            allowed = {id_ for id_, one in zip(ids, requests, strict=True) if may_see(viewer, one)}
            assert {case.id for case in book.listed(c, viewer, Wanted()).items} == allowed, viewer
            for n, id_ in enumerate(ids):
                found = book.find(c, viewer, id_)
                assert (found is not None) == (id_ in allowed), (viewer, requests[n])
                assert (book.find(c, viewer, f"R-{n + 1:05d}") is not None) == (id_ in allowed)
                for words in (f"word{n}", f"said{n}", f"R-{n + 1:05d}"):
                    hits = {case.id for case in book.listed(c, viewer, Wanted(), words=words).items}
                    assert hits == ({id_} & allowed), (viewer, words)


def test_p5_the_same_on_both_databases(database_url):
    from tests.databases import engine_of

    engine = engine_of(database_url)
    one = Filed(contact="n1", partner="north", visibility="requester_only", copied=("s1",))
    with engine.begin() as c:
        id_ = put(c, 0, one)
        for viewer in everybody():
            assert (book.find(c, viewer, id_) is not None) == may_see(viewer, one), viewer
    engine.dispose()
