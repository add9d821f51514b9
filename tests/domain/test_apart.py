"""Whatever a request is made of, a credential in it is set apart: by its own words, or by the name it stands under."""

from dataclasses import replace

import pytest

from monitor.domain.apart import cleaned, without_credentials
from monitor.domain.filing import Filing
from monitor.domain.request_matter import Request

SECRET = "Zeb!ra4711"
PLAIN = Filing(request=Request(channel="api", fields={"subject": "No audio"}))

WHERE = {
    "under the field's name": ({"password": SECRET}, "field password"),
    "under a name in a mapping": ({"traces": {"user": "admin", "admin_password": SECRET}}, "field traces.1"),
    "in a list after its name": ({"traces": ["password", SECRET]}, "field traces"),
    "under a list's name": ({"passwords": [SECRET, "none"]}, "field passwords"),
    "in a name": ({f"the password is {SECRET}": "yes"}, "field 1"),
    "in a name in a mapping": ({"traces": {f"password: {SECRET}": True, "a": 1}}, "field traces.0"),
}


@pytest.mark.parametrize(("fields", "found_in"), WHERE.values(), ids=WHERE)
def test_w9_a_credential_is_set_apart_wherever_it_stands_in_the_fields(fields, found_in):
    clean, kept = without_credentials(replace(PLAIN, request=replace(PLAIN.request, fields=fields)))
    assert SECRET not in repr(clean)
    assert {one.value for one in kept} == {SECRET}
    assert all(SECRET not in one.found_in for one in kept)
    assert any(one.found_in.startswith(found_in) for one in kept)
    _, again, _, _ = cleaned("", fields, ())
    assert again == clean.request.fields


@pytest.mark.parametrize(
    "changes",
    [
        {"system": f"password: {SECRET}"},
        {"facts": {"impact": f"password: {SECRET}"}},
        {"facts": {"pwd": SECRET}},
    ],
    ids=["as the serial", "as a fact", "under a fact's name"],
)
def test_w9_a_credential_beside_the_fields_is_set_apart(changes):
    clean, kept = without_credentials(replace(PLAIN, request=replace(PLAIN.request, **changes)))
    assert SECRET not in repr(clean)
    assert [one.kind for one in kept] == ["a password"]


def test_w9_a_pin_that_is_a_number_is_set_apart():
    _, fields, _, kept = cleaned("", {"pin": 471188, "traces": {"calls": 12}}, ())
    assert fields == {"pin": "[kept apart]", "traces": {"calls": 12}}
    assert [one.value for one in kept] == ["471188"]


def test_what_says_no_credential_stays_as_it_is():
    fields = {
        "subject": "The password prompt does not appear",
        "account_id": "W-1",
        "apps": ["KeyShot", "Token Ring"],
        "traces": {"from": "+39021234", "to": 100, "at": None, "lines": [1, 2.5, True]},
        "english_ok": True,
        "login": "yes",
    }
    clean, kept = without_credentials(replace(PLAIN, request=replace(PLAIN.request, fields=fields)))
    assert (clean.request.fields, kept) == (fields, ())
