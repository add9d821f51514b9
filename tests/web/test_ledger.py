"""The ledger over REST: balance, entries, statements; purchases and refunds once per reference and key."""

import pytest

from monitor.domain.ledger import Stamp
from monitor.storage import audit, ledger, people
from tests.web.seeds import NOW

IRIS = "/api/v1/ledger/aurora"


@pytest.fixture
async def api(world):
    headers = await world.token("read", "operate")

    async def call(method, path, **kw):
        answer = await world.client.request(
            method, path, **{**kw, "headers": headers | kw.get("headers", {})}
        )
        return answer.status, await answer.json(content_type=None)

    return call


async def buys(api, key=None, **body):
    return await api("POST", f"{IRIS}/purchases", json=body, headers={"Idempotency-Key": key} if key else {})


async def charges(world, incidents=5):
    stamp = Stamp(id="led_charge", partner="aurora", at=NOW, text="an appointment")
    await world.seed(ledger.charge, stamp, incidents, event="apt_1|held")


async def test_h5_a_purchase_is_an_entry_that_adds_up(api):
    status, entry = await buys(api, incidents=20, reference="INV-7")
    assert (status, entry["kind"], entry["incidents"], entry["event"]) == (
        201,
        "purchase",
        20,
        "aurora|purchase|INV-7",
    )
    assert sum(line["amount"] for line in entry["lines"]) == 0
    _, book = await api("GET", IRIS)
    assert (book["balance"], [each["id"] for each in book["items"]], book["next"]) == (
        20,
        [entry["id"]],
        None,
    )


async def test_h5_a_purchase_sent_again_is_the_same_purchase(world, api):
    first = await buys(api, "k-1", incidents=20, reference="INV-7")
    assert await buys(api, "k-1", incidents=20, reference="INV-7") == first
    assert await buys(api, '"k-1"', incidents=20, reference="INV-7") == first
    assert await buys(api, incidents=20, reference="INV-7") == first
    assert (await api("GET", IRIS))[1]["balance"] == 20
    audited = [
        row for row in await world.store.read(audit.list_audit, limit=50) if row.action == "ledger.purchase"
    ]
    assert len(audited) == 1


TAKEN = {
    "another number under the reference": (None, {"incidents": 21, "reference": "INV-7"}),
    "another number under the key": ("k-1", {"incidents": 21, "reference": "INV-7"}),
    "another reference under the key": ("k-1", {"incidents": 20, "reference": "INV-8"}),
}


@pytest.mark.parametrize(("key", "body"), TAKEN.values(), ids=TAKEN)
async def test_h5_what_contradicts_a_purchase_on_record_is_a_conflict(api, key, body):
    await buys(api, "k-1", incidents=20, reference="INV-7")
    status, _ = await buys(api, key, **body)
    assert status == 409
    assert (await api("GET", IRIS))[1]["balance"] == 20


async def test_h5_a_key_may_stand_for_the_reference(api):
    _, first = await buys(api, "order-12", incidents=3)
    _, again = await buys(api, "order-12", incidents=3)
    assert first == again
    assert first["event"] == "aurora|purchase|order-12"


FAULTY = {
    "neither reference nor key": (None, {"incidents": 3}, 422),
    "nothing bought": (None, {"incidents": 0, "reference": "a"}, 422),
    "less than nothing": (None, {"incidents": -3, "reference": "a"}, 422),
    "not a whole number": (None, {"incidents": 1.5, "reference": "a"}, 422),
    "too many": (None, {"incidents": 10**7, "reference": "a"}, 422),
    "a reference with a line end": (None, {"incidents": 3, "reference": "a\nb"}, 422),
    "a key that is none": ("k " * 300, {"incidents": 3}, 400),
    "an unknown field": (None, {"incidents": 3, "reference": "a", "at": "2020-01-01"}, 422),
}


@pytest.mark.parametrize(("key", "body", "status"), FAULTY.values(), ids=FAULTY)
async def test_h5_a_faulty_purchase_enters_nothing(api, key, body, status):
    assert (await buys(api, key, **body))[0] == status
    assert (await api("GET", IRIS))[1] == {"partner": "aurora", "balance": 0, "items": [], "next": None}


async def test_h5_refunds_over_rest_never_exceed_the_charge(world, api):
    await charges(world)
    back = {"charge": "led_charge", "incidents": 2, "reference": "r1"}
    status, entry = await api("POST", f"{IRIS}/refunds", json=back)
    assert (status, entry["incidents"], entry["of"]) == (201, 2, "led_charge")
    assert (await api("POST", f"{IRIS}/refunds", json=back))[1] == entry
    assert (await api("POST", f"{IRIS}/refunds", json={**back, "incidents": 4, "reference": "r2"}))[0] == 409
    assert (await api("POST", f"{IRIS}/refunds", json={**back, "charge": "led_none", "reference": "r3"}))[
        0
    ] == 404
    assert (await api("GET", IRIS))[1]["balance"] == -3


async def test_h5_another_customers_charge_is_not_refunded(world, api):
    await charges(world)
    status, _ = await api(
        "POST", "/api/v1/ledger/birch/refunds", json={"charge": "led_charge", "reference": "a"}
    )
    assert status == 404


async def test_h5_entries_are_walked_newest_first_and_filtered(world, api):
    for number in range(7):
        await buys(api, incidents=1, reference=str(number))
    await charges(world)
    seen, path = [], f"{IRIS}?limit=3"
    while path:
        _, page = await api("GET", path)
        seen += [entry["event"] for entry in page["items"]]
        path = page["next"]
    assert seen == ["apt_1|held", *(f"aurora|purchase|{n}" for n in reversed(range(7)))]
    assert [e["kind"] for e in (await api("GET", f"{IRIS}?kind=charge"))[1]["items"]] == ["charge"]
    assert (await api("GET", f"{IRIS}?kind=nonsense"))[0] == 422


async def test_h5_a_statement_says_what_there_was_and_is(world, api):
    await buys(api, incidents=9, reference="a")
    await charges(world, 4)
    _, made = await api("GET", f"{IRIS}/statements")
    (year,) = made["statements"]
    assert (made["balance"], year["opening"], year["closing"], len(year["entries"])) == (5, 0, 5, 2)
    assert (year["totals"]["purchased"], year["totals"]["used"]) == (9, 4)


async def test_a_customer_that_is_not_there_has_no_ledger(api):
    for method, path in (("GET", ""), ("GET", "/statements"), ("POST", "/purchases"), ("POST", "/refunds")):
        body = {
            "POST": {
                "json": {"incidents": 1, "reference": "a"}
                if "purch" in path
                else {"charge": "x", "reference": "a"}
            }
        }
        assert (await api(method, f"/api/v1/ledger/nobody{path}", **body.get(method, {})))[0] == 404


async def as_customer(world, path, contact="aurora-1"):
    await world.store.write(
        people.create_token, id="tok-c", name="their program", secret="secret-of-theirs", scopes=["read"],
        now=world.now, contact=contact,
    )  # fmt: skip
    answer = await world.client.get(path, headers={"Authorization": "Bearer secret-of-theirs"})
    return answer.status, await answer.json(content_type=None)


async def test_h5_a_customer_sees_its_own_ledger_but_not_on_whose_request_an_incident_was_used(world, api):
    await buys(api, incidents=9, reference="a")
    await charges(world, 4)
    status, book = await as_customer(world, IRIS)
    assert (status, book["balance"], [e["incidents"] for e in book["items"]]) == (200, 5, [-4, 9])
    assert {(e["event"], e["request"], e["actor"]) for e in book["items"]} == {(None, None, None)}


@pytest.mark.parametrize("path", ["/api/v1/ledger/birch", "/api/v1/ledger/birch/statements", "/api/v1/ledger/nobody", f"{IRIS}?request=R-1"])  # fmt: skip
async def test_p5_to_a_customer_another_ones_ledger_does_not_exist(world, path):
    status, body = await as_customer(world, path)
    assert (status, body["title"]) == (404, "There is no such thing.")


async def test_h5_a_customer_enters_nothing(world):
    await as_customer(world, IRIS)
    headers = {"Authorization": "Bearer secret-of-theirs"}
    for path, body in (
        ("purchases", {"incidents": 1, "reference": "a"}),
        ("refunds", {"charge": "x", "reference": "a"}),
    ):
        answer = await world.client.post(f"{IRIS}/{path}", json=body, headers=headers)
        assert answer.status == 403


async def test_p5_a_viewer_of_ours_is_not_told_either(world, api):
    await charges(world)
    headers = await world.token("read")
    answer = await world.client.get(IRIS, headers=headers)
    assert [(e["event"], e["actor"]) for e in (await answer.json())["items"]] == [(None, None)]
