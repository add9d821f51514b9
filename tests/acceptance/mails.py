"""Real mails into the service and out of it: clients that hand mail in, and a server that catches the answers."""

import asyncio
import smtplib
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP

from tests.acceptance.desks import DESK, TUESDAY_AT_TEN
from tests.acceptance.world import MovableClock, World, a_world

SUPPORT, DANISH = "support@tocsin.example", "support@plmgroup.dk"
BELIEVED = "mx.tocsin.example; dmarc=pass header.from="


class Sink:
    """A mail server that takes everything and keeps it."""

    def __init__(self):
        self.raw = []
        self.answer = "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.answer.startswith("2"):
            self.raw.append(envelope.content)
        return self.answer

    @property
    def mails(self):
        return [message_from_bytes(content, policy=policy.default) for content in self.raw]


@asynccontextmanager
async def a_sink():
    sink = Sink()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(sink, hostname="sink.example", loop=loop), "127.0.0.1", 0)
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        server.close()


def configuration(sink, more=""):
    """Return the desk's configuration with mail in and out."""
    return (
        DESK
        + f"""
mail: {{host: 127.0.0.1, port: {sink.port}, security: none, from: {SUPPORT}}}
mail_in:
  host: 127.0.0.1
  port: 0
  authserv_id: mx.tocsin.example
  reply_to: {SUPPORT}
  addresses: [{{address: {SUPPORT}}}, {{address: lab@tocsin.example, policy: wolfram}}]
{more}"""
    )


class MailedWorld:
    """A world, the port at which it takes mail, and the mails it wrote."""

    def __init__(self, world: World, port: int, sink: Sink) -> None:
        self.world, self.port, self.sink = world, port, sink

    async def mail(self, message: EmailMessage, *to: str) -> dict[str, tuple[int, bytes]]:
        """Hand a mail in by LMTP, to one recipient after the other; return what was refused."""

        def send():
            refused = {}
            with smtplib.LMTP("127.0.0.1", self.port, timeout=20) as client:
                for one in to or (SUPPORT,):
                    try:
                        client.sendmail(str(message["From"]), [one], message.as_bytes(policy=policy.SMTP))
                    except smtplib.SMTPRecipientsRefused as error:
                        refused |= error.recipients
                    except smtplib.SMTPDataError as error:
                        refused[one] = (error.smtp_code, error.smtp_error)
            return refused

        return await asyncio.to_thread(send)

    async def written(self) -> list[EmailMessage]:
        """Send what is owed, and return every mail written so far."""
        await self.world.deliver()
        return self.sink.mails


@asynccontextmanager
async def a_mailed_world(folder, database, *, at=TUESDAY_AT_TEN, more="", **other):
    async with (
        a_sink() as sink,
        a_world(
            folder, database, clock=MovableClock(at), configuration=configuration(sink, more), **other
        ) as world,
        world.service.mail_in.listening() as port,
    ):
        yield MailedWorld(world, port, sink)


def a_mail(text="The sketch cannot be saved.", *, sender="astrid@fjord.example", believed=True, **headers):
    """Return a mail as our own mail server hands it over."""
    message = EmailMessage(policy=policy.SMTP)
    if believed:
        message["Authentication-Results"] = BELIEVED + sender.partition("@")[2]
    message["Received"] = "from outside by mx.tocsin.example"
    known = {
        "From": sender,
        "To": SUPPORT,
        "Subject": "Sketch",
        "Message_ID": f"<{abs(hash((sender, text)))}@x.example>",
    }
    for name, value in {**known, **headers}.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message
