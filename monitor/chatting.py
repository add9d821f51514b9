"""Messages to chat and community channels, from the row that owes them to the driver that posts them."""

from collections.abc import Callable
from dataclasses import dataclass

from alerts.base import ChatDriver, ChatText
from monitor.errors import DeliveryError
from monitor.storage.outbox import Due


@dataclass(frozen=True, slots=True, kw_only=True)
class Chatting:
    """Posts what rows of the channel ``chat`` owe; at-least-once, for nobody can be asked whether it is there."""

    driver: ChatDriver | None
    failpoint: Callable[[str], None] = lambda _name: None

    @property
    def name(self) -> str:
        """The driver's name in the record."""
        return self.driver.name if self.driver else "none"

    async def post(self, due: Due) -> str:
        """Post a row's message and return what is known of that."""
        if self.driver is None:
            raise DeliveryError(
                "no chat driver is installed: pip install 'tocsin[chat]', and start again", permanent=True
            )
        said = due.payload
        if not said.get("subject") and not said.get("body"):
            raise DeliveryError(f"the {due.kind} has no words", permanent=True)
        text = ChatText(
            mark=due.id,
            channel=due.recipient or "",
            title=str(said.get("subject") or ""),
            body=str(said.get("body") or ""),
        )
        self.failpoint("chat.before_send")
        answer = await self.driver.send(text)
        self.failpoint("chat.after_send")
        return answer
