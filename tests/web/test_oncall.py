"""The rota in the console and over REST: who is on call when, who stands in, what is handed over."""

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.domain.inventory import Engineer, OnCall
from monitor.domain.rota import Rotation
from monitor.storage.people import Role
from monitor.web.parts import PARTS
from tests.web.seeds import NOW, an_incident

MIRA = Engineer(id="mira", name="Mira Novak", phone="+420601000001", email="mira@noc.example", user="noc")
LARS = Engineer(id="lars", name="Lars <Holm>", phone="+4522222222")
OVERRIDE = {
    "engineer": "lars",
    "from": "2026-12-24T09:00:00Z",
    "to": "2026-12-26T09:00:00+01:00",
    "note": "Yule",
}


@pytest.fixture
async def rota(world):
    """Two engineers who take turns by the day in one rotation, and a second one that begins in three days."""
    anchor = (NOW - timedelta(days=2)).replace(tzinfo=None)
    world.configured = replace(
        world.configured,
        on_call=OnCall(
            engineers={"mira": MIRA, "lars": LARS},
            rotations=(
                Rotation(name="day", zone="Europe/Rome", anchor=anchor, every=86_400, order=("mira", "lars")),
                Rotation(name="night", anchor=anchor + timedelta(days=5), every=86_400, order=("lars",)),
            ),
        ),
    )
    await world.app[PARTS].registering.refresh()
    return world


@pytest.fixture
async def api(rota):
    headers = await rota.token("read", "operate")

    async def call(method, path, **kw):
        answer = await rota.client.request(method, f"/api/v1{path}", headers=headers, **kw)
        return answer.status, await answer.json(content_type=None)

    return call


def owned(connection, id_="inc-1", owner="mira", **changes):
    an_incident(
        connection,
        id_,
        **{
            "status": "acknowledged",
            "acknowledged_at": NOW - timedelta(minutes=5),
            "acknowledged_by": owner,
            "owner": owner,
            "owner_party": "us",
            "holds_until": NOW + timedelta(minutes=25),
            **changes,
        },
    )


async def test_the_rota_is_told_rotation_by_rotation_with_gaps_and_the_next_hand_over(api):
    status, said = await api("GET", "/oncall", params={"days": "7"})
    assert status == 200
    day, night = said["rotations"]
    assert (day["name"], day["why"], day["gaps"]) == ("day", "rotation", [])
    assert {day["next"]["leaving"], day["next"]["arriving"]} == {"mira", "lars"}
    assert (night["engineer"], night["why"]) == (None, "gap")
    assert night["gaps"][0]["from"] == "2026-11-24T09:00:00Z"
    assert (said["from"], said["to"]) == ("2026-11-24T09:00:00Z", "2026-12-01T09:00:00Z")


async def test_an_override_is_put_on_record_stands_and_is_taken_back(rota, api):
    status, made = await api("POST", "/oncall/overrides", json=OVERRIDE)
    assert (status, made["rotation"], made["engineer"], made["note"]) == (201, "day", "lars", "Yule")
    status, said = await api("GET", "/oncall", params={"at": "2026-12-25T00:00:00Z", "days": "1"})
    assert (said["rotations"][0]["engineer"], said["rotations"][0]["why"]) == ("lars", "override")
    status, left = await api("DELETE", f"/oncall/overrides/{made['id']}")
    assert (status, left["items"]) == (200, [])
    status, _ = await api("DELETE", f"/oncall/overrides/{made['id']}")
    assert status == 404


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        pytest.param({"to": "9999-12-31T23:59:59Z"}, 422, "1970 to 2199", id="until the end of time"),
        pytest.param({"engineer": "nobody"}, 404, "engineer", id="nobody we know"),
        pytest.param({"rotation": "weekend"}, 404, "rotation", id="a rotation that is not there"),
        pytest.param({"to": "2026-12-24T08:00:00Z"}, 422, "ends before", id="ends before it starts"),
        pytest.param({"from": "2026-12-24T09:00:00"}, 422, "timezone", id="no offset"),
        pytest.param({"from": "2020-01-01T00:00:00Z", "to": "2020-01-02T00:00:00Z"}, 409, "over", id="over already"),
        pytest.param({"why": "x"}, 422, "not permitted", id="an unknown key"),
    ],
)  # fmt: skip
async def test_an_override_that_cannot_be_is_refused_with_a_reason(api, changes, status, said):
    got, body = await api("POST", "/oncall/overrides", json=OVERRIDE | changes)
    assert got == status
    assert said in str(body)


async def test_a_moment_that_is_none_of_a_rotas_is_refused(api):
    status, said = await api("GET", "/oncall", params={"at": "9999-12-31T00:00:00Z"})
    assert (status, said["errors"][0]["pointer"]) == (422, "/at")


async def test_an_acknowledgement_is_renewed_and_handed_over(rota, api):
    await rota.seed(owned)
    rota.now = NOW + timedelta(minutes=10)
    status, said = await api("POST", "/incidents/inc-1/renew")
    assert (status, said["owner"], said["holds_until"]) == (200, "mira", "2026-11-24T09:40:00Z")
    status, said = await api("POST", "/incidents/inc-1/hand-over", json={"to": "lars", "note": "the trunk"})
    assert (status, said["owner"], said["owner_party"]) == (200, "lars", "us")
    status, said = await api("POST", "/incidents/inc-1/hand-over", json={"to": "nobody"})
    assert status == 404


async def test_what_nobody_has_is_neither_renewed_nor_handed_over(rota, api):
    await rota.seed(an_incident)
    for path, body in (("renew", None), ("hand-over", {"to": "lars"})):
        status, said = await api("POST", f"/incidents/inc-1/{path}", **({"json": body} if body else {}))
        assert status == 409
        assert "nobody has it" in str(said)


# -- in the console -------------------------------------------------------------------------------------


async def test_the_page_shows_now_next_gaps_and_overrides_and_escapes_names(rota):
    await rota.log_in()
    text = await (await rota.client.get("/noc/oncall")).text()
    assert "Next hand-over" in text
    assert "Nobody is on call" in text, "the night rotation has a gap"
    assert "1 gap" in text
    assert "Lars &lt;Holm&gt;" in text
    assert "Lars <Holm>" not in text


async def test_somebody_stands_in_by_the_form_in_the_rotations_zone(rota):
    csrf = await rota.log_in()
    form = {
        "csrf": csrf,
        "engineer": "lars",
        "rotation": "day",
        "from": "2026-12-24T09:00",
        "to": "2026-12-26T09:00",
    }
    answer = await rota.client.post("/noc/oncall/overrides", data=form)
    text = await answer.text()
    assert (answer.status, "The override is on record" in text) == (200, True)
    assert "Thu 24 Dec 2026, 09:00" in text
    (made,) = rota.inventory.on_call.overrides
    answer = await rota.client.post(f"/noc/oncall/overrides/{made.id}/remove", data={"csrf": csrf})
    assert "taken back" in await answer.text()
    assert rota.inventory.on_call.overrides == ()


async def test_a_form_with_a_mistake_keeps_what_was_typed(rota):
    csrf = await rota.log_in()
    form = {
        "csrf": csrf,
        "engineer": "lars",
        "from": "2026-12-24T09:00",
        "to": "2026-12-20T09:00",
        "note": "so & so",
    }
    answer = await rota.client.post("/noc/oncall/overrides", data=form)
    text = await answer.text()
    assert answer.status == 422
    assert "ends before it starts" in text
    assert "so &amp; so" in text


async def test_a_viewer_may_look_and_not_touch(rota):
    csrf = await rota.log_in("vera", Role.VIEWER)
    text = await (await rota.client.get("/noc/oncall")).text()
    assert "Put in force" not in text
    assert (await rota.client.post("/noc/oncall/overrides", data={"csrf": csrf})).status == 403
    assert (await rota.client.get("/noc/oncall/hand-over")).status == 403


async def test_what_is_mine_is_offered_to_whoever_follows_me_and_handed_over(rota):
    await rota.seed(owned, "inc-1")
    await rota.seed(owned, "inc-2", dedup_key="other", owner="lars")
    csrf = await rota.log_in("noc")  # in the console Mira is called noc
    text = await (await rota.client.get("/noc/oncall/hand-over")).text()
    assert 'value="inc-1"' in text
    assert 'value="inc-2"' not in text
    assert '<option value="lars" selected>' in text
    form = {"csrf": csrf, "incidents": "inc-1", "to": "lars", "note": "see the ticket"}
    answer = await rota.client.post("/noc/oncall/hand-over", data=form)
    assert "Handed over" in await answer.text()
    text = await (await rota.client.get("/noc/oncall/hand-over?of=lars")).text()
    assert 'value="inc-1"' in text


async def test_handing_over_nothing_is_said_in_the_form(rota):
    await rota.seed(owned)
    csrf = await rota.log_in("noc")
    answer = await rota.client.post("/noc/oncall/hand-over", data={"csrf": csrf, "to": "lars"})
    assert answer.status == 409
    assert "at least 1 item" in await answer.text()


async def test_the_incident_says_whose_it_is_and_until_when_with_a_button(rota):
    await rota.seed(owned)
    csrf = await rota.log_in("noc")
    text = await (await rota.client.get("/noc/incidents/inc-1")).text()
    assert "holds until" in text
    assert "Still on it" in text
    answer = await rota.client.post("/noc/incidents/inc-1/renew", data={"csrf": csrf})
    assert "holds anew" in await answer.text()
