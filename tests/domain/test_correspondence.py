"""A letter read as a request: where it goes, who writes, what its lines fill in, what it claims to follow up."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.correspondence import (
    Addresses,
    Claim,
    Destination,
    Writer,
    claim_of,
    copied,
    destination,
    fields_in,
    not_copied,
    request_of,
    subject_of,
    writer_of,
)
from monitor.domain.inventory import Contact, Inventory, Partner, System
from monitor.domain.letters import Letter, Mailbox
from monitor.domain.request_rules import RequestRules
from monitor.domain.requests import judge
from monitor.settings.policies import load_policies
from monitor.settings.shipped import shipped

POLICIES = load_policies([shipped("policies")])
PLM, WOLFRAM, WILDIX = POLICIES["plm"], POLICIES["wolfram"], POLICIES["wildix"]
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
ANN = Contact(id="ann", name="Ann Hill", phone="+4533123456", email="Ann@Hill.example", languages=("da",))
HILL = Partner(id="hill", name="Hill A/S", policy="plm", country="DK", plan="standard", contacts=(ANN,))
FJORD = Partner(
    id="fjord",
    name="Fjord AS",
    policy="plm",
    country="NO",
    contacts=(Contact(id="kari", name="Kari", email="kari@fjord.example"),),
)
BELOW = Partner(id="below", name="Below", policy="plm", assigned_to="hill")
INVENTORY = Inventory(
    partners={"hill": HILL, "fjord": FJORD, "below": BELOW},
    systems={
        "CAD-1": System(serial="CAD-1", partner="hill"),
        "CAD-2": System(serial="CAD-2", partner="hill"),
        "CAD-9": System(serial="CAD-9", partner="fjord"),
        "SUB-1": System(serial="SUB-1", partner="below"),
    },
)
LISTED = Addresses(
    listed={"help@x.example": Destination(policy="helpdesk"), "dk@x.example": Destination(policy="plm", country="DK"), "any@x.example": Destination()},
    domains=frozenset({"all.example"}),
)  # fmt: skip


def a_letter(text="The drawing is gone.", **other):
    known = {
        "digest": "0",
        "message_id": "<1@x>",
        "sender": Mailbox(address="ann@hill.example", name="Ann"),
        "envelope_sender": "ann@hill.example",
        "subject": "Drawing",
    }
    return Letter(text=text, **{**known, **other})


@pytest.mark.parametrize(
    ("address", "taken"),
    [
        ("help@x.example", True),
        ("HELP+anything@X.example", True),
        ("who@x.example", False),
        ("who@all.example", True),
        ("Support@PLMgroup.dk", True),
        ("support+R-00012.abcdefgh@plmgroup.dk", True),
        ("support@plmgroup.xx", False),
        ("", False),
    ],
)
def test_addresses_that_take_requests(address, taken):
    assert LISTED.take(address, POLICIES) is taken


@pytest.mark.parametrize(
    ("address", "writer", "policy", "country"),
    [
        ("help@x.example", Writer(), "helpdesk", None),
        ("dk@x.example", Writer(partner=FJORD), "plm", "DK"),
        ("any@x.example", Writer(partner=HILL), "plm", "DK"),
        ("any@x.example", Writer(), None, None),
        ("support@plmgroup.dk", Writer(), "plm", "DK"),
        ("support@plmgroup.se", Writer(partner=HILL), "plm", "SE"),
        ("support@plmgroup.no", Writer(partner=FJORD), "plm", "NO"),
        ("support@plmgroup.no", Writer(partner=replace(FJORD, country="IS")), "plm", "IS"),
        ("support@plmgroup.no", Writer(partner=HILL), "plm", "IS"),
    ],
    ids=["listed", "listed with a country", "the sender's", "nobody's", "a queue", "a queue of another country than the sender's",
         "two countries share it: the sender's", "the other's", "neither's"],
)  # fmt: skip
def test_p6_an_address_says_the_policy_and_the_queue(address, writer, policy, country):
    assert destination(LISTED, POLICIES, address, writer) == Destination(policy=policy, country=country)


def test_a_writer_is_whoever_the_address_belongs_to():
    assert writer_of(INVENTORY, " ANN@hill.EXAMPLE ") == Writer(partner=HILL, contact=ANN)
    assert writer_of(INVENTORY, "who@hill.example") == Writer()
    assert writer_of(INVENTORY, "") == Writer()


def test_an_address_of_two_partners_belongs_to_neither_and_of_two_people_to_their_partner():
    twin = replace(ANN, id="bob", name="Bob")
    both = Inventory(partners={"hill": HILL, "other": replace(FJORD, contacts=(twin,))})
    assert writer_of(both, "ann@hill.example") == Writer()
    shared = replace(HILL, contacts=(ANN, twin))
    assert writer_of(Inventory(partners={"hill": shared}), "ann@hill.example") == Writer(partner=shared)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("Priority: Critical", {"priority": "Critical"}),
        ("prioritet = h\u00f8j", {"priority": "h\u00f8j"}),
        ("* Product Version: 2025 SP3", {"product_version": "2025 SP3"}),
        ("Telefon: +45 33 12 34 56", {"contact_phone": "+45 33 12 34 56"}),
        ("ENGLISH OK: yes", {"english_ok": "yes"}),
        ("Contact-24x7: Bob", {}),
        ("Colour: red", {}),
        ("Priority:", {}),
        ("http://x.example/", {}),
        ("On Monday we saw: nothing", {}),
        ("Priority: low\nPriority: high", {"priority": "low"}),
    ],
)
def test_labelled_lines_fill_in_fields(line, found):
    assert fields_in(f"Hello,\n{line}\nthanks", PLM.requests) == found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("- produktets version: 2026", {"product_version": "2026"}),
        ("> - Produktets  Version : 2026", {"product_version": "2026"}),
        ("- produktets version:", {}),
        ("phone: +45 33 12 34 56", {"contact_phone": "+45 33 12 34 56"}),
    ],
)
def test_what_we_ask_for_is_understood_as_we_called_it_and_the_policys_words_go_first(line, found):
    ours = {"produktets version": "product_version", "phone": "product"}
    assert fields_in(line, PLM.requests, ours) == found


@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_any_text_fills_in_only_fields_of_the_policy(text):
    assert set(fields_in(text, RequestRules())) <= RequestRules().fields


def test_e3_a_mail_with_its_lines_is_a_whole_request():
    letter = a_letter(
        "Version: 2025\nService pack: 3\nEnglish ok: yes\nProduct: CAD\n\nThe drawing of CAD-1 is gone.",
        language="da",
    )
    request = request_of(letter, PLM, Writer(partner=HILL, contact=ANN), INVENTORY)
    assert (request.channel, request.partner, request.contact, request.system, request.language) == (
        "email",
        "hill",
        "ann",
        "CAD-1",
        "da",
    )
    assert request.fields["contact_phone"] == "+4533123456"
    assert request.fields["subject"] == "Drawing"
    assert judge(PLM, request, INVENTORY, NOW).missing == ()


def test_e3_what_a_mail_does_not_say_is_missing():
    request = request_of(a_letter(), PLM, Writer(), INVENTORY)
    assert judge(PLM, request, INVENTORY, NOW).missing == (
        "contact_phone",
        "product_version",
        "service_pack",
        "english_ok",
    )


def test_w8_a_new_matter_by_mail_is_judged_by_the_policys_channels():
    request = request_of(a_letter(), WILDIX, Writer(), INVENTORY)
    judgement = judge(WILDIX, request, INVENTORY, NOW)
    assert (judgement.accepted, judgement.channel_allowed) == (False, False)


@pytest.mark.parametrize(
    ("text", "writer", "system"),
    [
        ("CAD-1 is down", Writer(partner=HILL), "CAD-1"),
        ("cad-1, please.", Writer(partner=HILL), "CAD-1"),
        ("CAD-1 and CAD-2", Writer(partner=HILL), None),
        ("CAD-9 is down", Writer(partner=HILL), None),
        ("SUB-1 is down", Writer(partner=HILL), "SUB-1"),
        ("CAD-1 is down", Writer(), None),
        ("CAD-10", Writer(partner=HILL), None),
    ],
    ids=["own", "any case", "two", "another's", "of whom it serves", "a stranger's word", "a longer word"],
)
def test_a_system_is_the_one_of_the_writers_that_is_named(text, writer, system):
    assert request_of(a_letter(text), PLM, writer, INVENTORY).system == system


@pytest.mark.parametrize(
    ("recipient", "subject", "claim"),
    [
        ("support+R-00012.abcdefgh@x.example", "anything", Claim(reference="R-00012", key="abcdefgh")),
        ("support+R-00012.abcdefgh@x.example", "Re: [R-00013]", Claim(reference="R-00012", key="abcdefgh")),
        ("support@x.example", "Re: [R-00013] Gate", Claim(reference="R-00013")),
        ("support@x.example", "Gate", None),
    ],
    ids=["by the address", "the address before the subject", "by the subject", "nothing"],
)
def test_a_letter_claims_a_request_by_its_address_or_its_subject(recipient, subject, claim):
    assert claim_of(a_letter(subject=subject), recipient) == claim


@pytest.mark.parametrize(
    ("subject", "bare"),
    [
        ("Re: [R-00012] Gate", "Gate"),
        ("SV: AW: Gate", "Gate"),
        ("Fwd: Gate: stuck", "Gate: stuck"),
        ("Regarding: Gate", "Regarding: Gate"),
        ("", ""),
    ],
)
def test_a_subject_is_kept_without_the_marks_of_replies(subject, bare):
    assert subject_of(a_letter(subject=subject)) == bare


def test_p5_whom_a_known_writer_copies_takes_part_and_a_stranger_copies_nobody():
    boxes = tuple(
        Mailbox(address=a)
        for a in ("bob@hill.example", "support@plmgroup.dk", "ANN@hill.example", "bob@hill.example")
    )
    letter = a_letter(cc=boxes, authenticated=True)
    assert copied(letter, Writer(partner=HILL), ["support@plmgroup.dk"]) == ("bob@hill.example",)
    assert copied(letter, Writer(), []) == ()


def test_p5_whoever_only_says_that_they_are_the_writer_copies_the_writers_own_people():
    bob = Contact(id="bob", name="Bob", email="Bob@Hill.example")
    writer = Writer(partner=replace(HILL, contacts=(ANN, bob)), contact=ANN)
    boxes = tuple(Mailbox(address=a) for a in ("bob@hill.example", "eve@evil.example"))
    vouched = a_letter(cc=boxes, authenticated=True)
    forged = replace(vouched, authenticated=False)
    assert (copied(forged, writer, []), not_copied(forged, writer, [])) == (
        ("bob@hill.example",),
        ("eve@evil.example",),
    )
    assert (copied(vouched, writer, []), not_copied(vouched, writer, [])) == (
        ("bob@hill.example", "eve@evil.example"),
        (),
    )
    assert not_copied(forged, Writer(), []) == ()


def test_the_policies_labels_are_data():
    rules = RequestRules(labels={"farve": "product"})
    assert fields_in("Farve: r\u00f8d", rules) == {"product": "r\u00f8d"}
    assert WOLFRAM.requests.labels["account"] == "account_id"
