"""What was registered is laid over the configuration: people and technical data over it, contracts below it."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.inventory import Contact, Inventory, Licence, Partner, System
from monitor.domain.registered import Registered, RegisteredContact, RegisteredSystem, overlaid
from tests.domain.worlds import unhurried

ANN, BOB = Contact(id="ann", name="Ann", licence="L"), Contact(id="bob", name="Bob", licence="L")
CONFIGURED = Inventory(
    partners={
        "acme": Partner(id="acme", name="Acme", policy="wolfram", contacts=(ANN, BOB)),
        "dale": Partner(id="dale", name="Dale", policy="wolfram"),
    },
    systems={
        "S": System(serial="S", partner="acme", name="Main", version="1", cloud="eu", technical={"os": "a"})
    },
    licences={"L": Licence(id="L", partner="acme", seats=3)},
)


def with_contacts(*rows):
    return overlaid(CONFIGURED, Registered(contacts=rows))


def test_nothing_registered_changes_nothing():
    assert overlaid(CONFIGURED, Registered(revision=7)) is CONFIGURED


def test_e1_a_registered_contact_stands_over_the_configured_one_in_its_place():
    newer = replace(ANN, phone="+13125550100")
    found = with_contacts(RegisteredContact(partner="acme", contact=newer))
    assert found.partners["acme"].contacts == (newer, BOB)


def test_e1_a_removed_contact_is_gone_and_a_new_one_comes_last():
    cy = Contact(id="cy", name="Cy", licence="L")
    found = with_contacts(
        RegisteredContact(partner="acme", contact=ANN, removed=True),
        RegisteredContact(partner="acme", contact=cy),
        RegisteredContact(partner="acme", contact=Contact(id="dot", name="Dot"), removed=True),
    )
    assert found.partners["acme"].contacts == (BOB, cy)


def test_a_contact_of_another_partner_is_not_taken_over():
    found = with_contacts(RegisteredContact(partner="dale", contact=replace(ANN, name="Not Ann")))
    assert found.partners == CONFIGURED.partners


def test_a_configured_licence_stays_as_the_configuration_has_it():
    rows = (Licence(id="L", partner="acme", seats=99), Licence(id="M", partner="acme", seats=2))
    found = overlaid(CONFIGURED, Registered(licences=rows))
    assert {id_: one.seats for id_, one in found.licences.items()} == {"L": 3, "M": 2}


def test_what_belongs_to_a_partner_that_is_gone_is_left_out():
    found = overlaid(
        CONFIGURED,
        Registered(
            licences=(Licence(id="M", partner="gone"),),
            contacts=(RegisteredContact(partner="gone", contact=Contact(id="x", name="X")),),
            systems=(RegisteredSystem(serial="X", partner="gone"),),
        ),
    )
    assert found == CONFIGURED


def test_e2_only_what_was_said_of_a_system_is_changed():
    row = RegisteredSystem(serial="S", partner="acme", about={"version": "2"}, technical={"db": "pg"})
    found = overlaid(CONFIGURED, Registered(systems=(row,))).systems["S"]
    assert (found.name, found.version, found.cloud) == ("Main", "2", "eu")
    assert found.technical == {"os": "a", "db": "pg"}


def test_e2_a_new_system_is_added_and_anothers_is_not_changed():
    new = RegisteredSystem(serial="T", partner="dale", about={"host": "t.example"})
    foreign = RegisteredSystem(serial="S", partner="dale", about={"name": "mine now"})
    found = overlaid(CONFIGURED, Registered(systems=(new, foreign))).systems
    assert (found["T"].partner, found["T"].name, found["T"].host) == ("dale", "T", "t.example")
    assert found["S"] == CONFIGURED.systems["S"]


rows = st.lists(
    st.builds(
        RegisteredContact,
        partner=st.sampled_from(("acme", "dale", "gone")),
        contact=st.builds(Contact, id=st.sampled_from(("ann", "bob", "cy", "dot")), name=st.just("N")),
        removed=st.booleans(),
    ),
    max_size=6,
    unique_by=lambda row: row.contact.id,
)


@unhurried
@given(rows)
def test_nobody_is_ever_listed_twice_or_with_a_stranger(listed):
    found = overlaid(CONFIGURED, Registered(contacts=tuple(listed)))
    ids = [c.id for partner in found.partners.values() for c in partner.contacts]
    assert len(ids) == len(set(ids))
    assert set(found.partners) == set(CONFIGURED.partners)
    assert not {"ann", "bob"} & {c.id for c in found.partners["dale"].contacts}
    assert overlaid(found, Registered(contacts=tuple(listed))) == found
