"""Among customers' people each sees what is theirs: by every route of portal and API the answer for what is not is, byte for byte,
that for what is not there."""

import re

from monitor.storage.people import Role
from monitor.web.rules import FOR_PARTNERS, RULES
from tests.acceptance import test_only_the_requester
from tests.acceptance.test_only_the_requester import WITH_A_COLLEAGUE, a_case, ask, by_session, by_token

WITH_A_SYSTEM = WITH_A_COLLEAGUE.replace(
    "\nsystems:\n", "\nsystems:\n  - {serial: F-1, name: Drawing office, partner: fjord, country: DK}\n", 1
).replace(
    "\nchecks:\n",
    '\nchecks:\n  - {name: fjord-1, type: tcp, system: F-1, target: "127.0.0.1:9", symptom: unreachable}\n',
    1,
)

THEIRS = FOR_PARTNERS[Role.PARTNER_ADMIN]
COLLEAGUES = ("carl", "bo")
"""A colleague, and the company's administrator: what only its requester may see is not theirs (P5)."""
OTHERS = ("nils", "giulia")
"""Of the partner up the chain, and of another partner."""
KNOWN_TO_COLLEAGUES = (
    "/contacts/",
    "/systems/",
    "/licences/",
    "/cases/",
    "/maintenance",
    "/ledger/",
    "/users/",
)
SERVED_THROUGH = ("/systems/{serial}", "/cases/")
"""What whoever serves a partner looks after for them: their systems, and what is found on these."""
MEANWHILE = re.compile(rb"This page: [^.<]*\.|name=\"key\" value=\"[^\"]*\"")


def of_customers():
    return sorted(
        (method, path)
        for (method, path), need in RULES.items()
        if need in THEIRS and "{" in path and path.startswith(("/portal", "/api"))
    )


async def theirs_and_nobodys(world, filed):
    """Return, by the name it has in a path, an id of Fjord's and one that nobody has."""
    (attachment,) = await world.rows("attachments")
    await world.fails("fjord-1")
    (incident,) = await world.rows("incidents", system="F-1")
    return {
        "requests": filed.id, "cases": incident["id"], "systems": "F-1", "contacts": "astrid", "licences": "L-FJORD",
        "ledger": "fjord", "attachment": attachment["id"], "appointment": "apt_1", "credential": "sec_1", "duty": "x",
    }  # fmt: skip


def path_with(canonical, kind, id_, ids):
    path = re.sub(r"\{(id|serial)\}", id_, canonical, count=1)
    return re.sub(r"\{([a-z]+)\}", lambda found: ids.get(found[1], "x"), path)


async def test_p5_each_persons_own_is_by_every_route_what_is_not_there_for_everybody_else(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(test_only_the_requester, "WITH_A_COLLEAGUE", WITH_A_SYSTEM)
    async with a_case(tmp_path, f"sqlite:///{tmp_path}/record.db") as (world, client, filed):
        ids = await theirs_and_nobodys(world, filed)
        astrid, tried = await by_session(world, "astrid", role=Role.PARTNER_ADMIN, contact="astrid"), 0
        for kind in ("requests", "cases", "systems", "contacts"):
            assert (await ask(client, astrid, "GET", f"/portal/{kind}/{ids[kind]}"))[0] == 200, kind
        for contact in (*COLLEAGUES, *OTHERS):
            people = (
                await by_session(world, contact, role=Role.PARTNER_ADMIN, contact=contact),
                await by_token(world, f"{contact}-program", contact=contact),
            )
            for method, canonical in of_customers():
                kind = canonical.removeprefix("/api/v1").removeprefix("/portal").split("/")[1]
                if kind not in ids:
                    continue
                if contact in COLLEAGUES and any(each in canonical for each in KNOWN_TO_COLLEAGUES):
                    continue
                if contact == "nils" and any(each in canonical for each in SERVED_THROUGH):
                    continue
                who = people[0] if canonical.startswith("/portal") else people[1]
                seen = []
                for id_ in (ids[kind], f"{ids[kind][:3]}_nothing"):
                    path = path_with(canonical, kind, id_, ids)
                    status, body = await ask(client, who, method, path)
                    seen.append(
                        (
                            status,
                            MEANWHILE.sub(b"", body.replace(path.encode(), b"").replace(id_.encode(), b"")),
                        )
                    )
                assert seen[0] == seen[1], (contact, method, canonical)
                assert seen[0][0] in ((404,) if method == "GET" else (404, 422)), (
                    contact,
                    method,
                    canonical,
                    seen[0][0],
                )
                tried += 1
        assert tried > 80
