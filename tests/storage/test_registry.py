"""E1 on record: two who want the last seat at once, from two processes, on both databases."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.domain.access import Viewer
from monitor.domain.inventory import Contact, Inventory, Licence, Partner
from monitor.domain.people import RefusedError
from monitor.domain.registered import overlaid
from monitor.domain.request_rules import Visibility
from monitor.errors import ConflictError, NotFoundError
from monitor.settings import shipped
from monitor.settings.policies import load_policies
from monitor.storage import people, registry
from monitor.storage.engine import open_store

POLICIES = load_policies([shipped("policies")])
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
ANN = Contact(id="ann", name="Ann", role="administrative", licence="L", account_id="W")
CONFIGURED = Inventory(
    partners={
        "acme": Partner(id="acme", name="Acme", policy="wolfram", contacts=(ANN,)),
        "dale": Partner(id="dale", name="Dale", policy="wolfram"),
    },
    licences={"L": Licence(id="L", partner="acme", seats=4, account_id="W")},
)
STAFF = Viewer(name="nora", staff=True)


def ground(viewer=STAFF):
    return registry.Ground(inventory=CONFIGURED, policies=POLICIES, viewer=viewer, now=NOW)


def a_contact(id_, role=""):
    return Contact(id=id_, name=id_.title(), role=role)


async def outcomes(*units):
    found = await asyncio.gather(*units, return_exceptions=True)
    unforeseen = [
        one for one in found if isinstance(one, BaseException) and not isinstance(one, RefusedError)
    ]
    assert unforeseen == []
    return [not isinstance(one, RefusedError) for one in found]


async def in_force(store):
    return overlaid(CONFIGURED, await store.read(registry.registered))


@pytest.mark.parametrize("processes", [1, 2], ids=["one process", "two processes"])
async def test_e1_of_many_who_want_the_last_seats_at_once_as_many_get_one_as_there_are(
    database_url, processes
):
    async with AsyncExitStack() as stack:
        stores = [
            await stack.enter_async_context(open_store(database_url, beside=number > 0))
            for number in range(processes)
        ]
        taken = await outcomes(
            *(
                stores[number % processes].write(
                    registry.enrol, ground(), "acme", "L", a_contact(f"c{number}")
                )
                for number in range(12)
            )
        )
        assert taken.count(True) == 3
        world = await in_force(stores[0])
        assert len(world.registered_on("L")) == 4
        assert [one.role for one in world.registered_on("L")].count("administrative") == 1


async def test_e1_two_hand_over_at_once_and_one_is_in_charge(database_url):
    async with open_store(database_url) as here, open_store(database_url, beside=True) as there:
        for name in ("bob", "cy"):
            await here.write(registry.enrol, ground(), "acme", "L", a_contact(name))
        ann = Viewer(name="ann", contact="ann", partner="acme")
        done = await outcomes(
            here.write(registry.hand_over, ground(ann), "L", "bob"),
            there.write(registry.hand_over, ground(ann), "L", "cy"),
        )
        assert done.count(True) == 1  # after the first, Ann is not in charge any more
        roles = [one.role for one in (await in_force(here)).registered_on("L")]
        assert sorted(roles) == ["administrative", "regular", "regular"]


async def test_every_change_counts_the_revision_and_a_refused_one_does_not(store):
    assert await store.read(registry.revision) == 0
    await store.write(registry.enrol, ground(), "acme", "L", a_contact("bob"))
    await store.write(registry.amend, ground(), "bob", {"phone": "+13125550100"})
    assert await store.read(registry.revision) == 2
    with pytest.raises(RefusedError):
        await store.write(registry.strike, ground(), "ann")
    assert await store.read(registry.revision) == 2


async def test_an_id_is_one_persons_for_ever(store):
    await store.write(registry.enrol, ground(), "acme", "L", a_contact("bob"))
    with pytest.raises(ConflictError, match="already a contact 'bob'"):
        await store.write(registry.enrol, ground(), "dale", None, a_contact("bob"))
    await store.write(registry.strike, ground(), "bob")
    assert (await in_force(store)).person("bob") is None
    with pytest.raises(ConflictError):  # requests of the first Bob must not become another's
        await store.write(registry.enrol, ground(), "dale", None, a_contact("bob"))
    await store.write(registry.enrol, ground(), "acme", None, a_contact("bob"))
    partner, bob = (await in_force(store)).person("bob")
    assert (partner.id, bob.licence, bob.role) == ("acme", None, "regular")


async def test_a_contact_of_the_configuration_is_changed_and_removed_all_the_same(store):
    await store.write(registry.enrol, ground(), "acme", "L", a_contact("bob"))
    await store.write(registry.hand_over, ground(), "L", "bob")
    await store.write(registry.strike, ground(Viewer(name="bob", contact="bob", partner="acme")), "ann")
    assert [one.id for one in (await in_force(store)).registered_on("L")] == ["bob"]


async def test_with_a_contact_go_its_data_its_tokens_and_its_log_in(store):
    await store.write(registry.enrol, ground(), "acme", "L", a_contact("bob"))
    await store.write(registry.amend, ground(), "bob", {"phone": "+13125550100", "email": "bob@acme.example"})
    await store.write(
        people.create_token, id="t", name="bob", secret="s" * 40, scopes=(), now=NOW, contact="bob"
    )
    await store.write(people.create_user, id="u", name="bob", password_hash="x", role=people.Role.PARTNER_ADMIN, now=NOW, contact="bob")  # fmt: skip
    await store.write(
        people.open_session, user="u", secret="cookie", csrf="c", now=NOW, lasts=timedelta(hours=1)
    )
    await store.write(registry.strike, ground(), "bob")
    await store.write(registry.enrol, ground(), "acme", "L", a_contact("bob"))  # another Bob
    assert await store.read(people.find_token, "s" * 40, kind="api") is None
    assert await store.read(people.find_user, "bob") is None
    session = people.find_session
    assert await store.read(session, people.digest_of("cookie"), now=NOW, idle=timedelta(hours=1)) is None
    _, bob = (await in_force(store)).person("bob")
    assert (bob.phone, bob.email) == (None, None)


async def test_a_removed_contacts_data_is_in_no_row(store):
    await store.write(registry.enrol, ground(), "acme", "L", replace(a_contact("bob"), phone="+13125550100"))
    await store.write(registry.strike, ground(), "bob")
    (row,) = (await store.read(registry.registered)).contacts
    assert (row.removed, row.contact.name, row.contact.phone) == (True, "bob", None)


async def test_who_was_removed_acts_no_more(store):
    await store.write(registry.enrol, ground(), "acme", "L", a_contact("bob"))
    await store.write(registry.strike, ground(), "bob")
    with pytest.raises(NotFoundError):
        bob = Viewer(name="bob", contact="bob", partner="acme")
        await store.write(registry.amend, ground(bob), "bob", {"name": "Robert"})


async def test_p5_where_only_the_requester_sees_a_request_nobody_else_says_where_its_answers_go(store):
    bob, ann = (Viewer(name=one, contact=one, partner="acme") for one in ("bob", "ann"))
    rules = POLICIES["wolfram"].requests
    private = replace(
        POLICIES["wolfram"], requests=replace(rules, visibility=Visibility(rule="requester_only", clause="5"))
    )
    there = replace(ground(), policies=POLICIES | {"wolfram": private})
    await store.write(registry.enrol, there, "acme", "L", a_contact("bob"))
    with pytest.raises(RefusedError, match="only the requester gets the answers") as refused:
        await store.write(registry.amend, replace(there, viewer=ann), "bob", {"email": "ann@acme.example"})
    assert refused.value.clause == "5"
    await store.write(registry.amend, replace(there, viewer=ann), "bob", {"phone": "+13125550100"})
    await store.write(registry.amend, replace(there, viewer=bob), "bob", {"email": "bob@acme.example"})
    await store.write(registry.amend, there, "bob", {"email": "robert@acme.example"})
    assert (await in_force(store)).person("bob")[1].email == "robert@acme.example"
