"""Announcements reach the community channels by mail, through the outbox, each exactly once (mission W13)."""

from datetime import timedelta

from aiosmtpd.controller import Controller

from monitor.domain.incidents import PublicState
from tests.acceptance.world import CHECKS, CONFIGURATION, a_world
from tests.factories import a_global_problem, a_maintenance


class Mailbox:
    """A mail server that keeps what it is given."""

    def __init__(self):
        self.subjects = []

    async def handle_DATA(self, _server, _session, envelope):
        text = envelope.content.decode()
        self.subjects += [
            line.removeprefix("Subject: ") for line in text.splitlines() if line.startswith("Subject: ")
        ]
        return "250 taken"


async def test_w13_an_announcement_reaches_the_community_channels_once(tmp_path, unused_tcp_port):
    mailbox = Mailbox()
    server = Controller(mailbox, hostname="127.0.0.1", port=unused_tcp_port)
    server.start()
    more = f"""
page: {{announce_to: [wizards@groups.example]}}
mail: {{host: 127.0.0.1, port: {unused_tcp_port}, security: none, from: noc@tocsin.example}}
"""
    try:
        async with a_world(
            tmp_path, f"sqlite:///{tmp_path}/record.db", configuration=CONFIGURATION + CHECKS + more
        ) as world:
            pipeline, now = world.service.pipeline, world.clock()
            problem = await pipeline.declare_global(
                a_global_problem(title="Calls fail in Europe"), actor="nadia"
            )
            await world.deliver()
            await world.deliver()
            await pipeline.update_global(
                problem, state=PublicState.IDENTIFIED, body="A switch died.", actor="nadia"
            )
            work = a_maintenance(starts_at=now + timedelta(days=2), ends_at=now + timedelta(days=2, hours=1))
            await pipeline.plan_maintenance(work, actor="nadia")
            await pipeline.plan_maintenance(
                a_maintenance(starts_at=now, ends_at=now + timedelta(hours=1), public=False), actor="nadia"
            )
            await world.deliver()
            states = [row["state"] for row in await world.rows("outbox")]
        assert states == ["done"] * 3
        assert len(mailbox.subjects) == 3
        assert "Calls fail in Europe" in mailbox.subjects[0]
        assert "identified" in mailbox.subjects[1]
        assert work.title in mailbox.subjects[2]
    finally:
        server.stop()
