"""What a configuration needs of the machine it runs on, and is not there: extras, the program that speaks.

Asked when it is checked as well as when the service starts, so that a start has nothing new to say.
"""

from alerts.apprise_chat import installed
from monitor import phone_parts
from monitor.settings import Settings


def missing(settings: Settings) -> list[str]:
    """Say everything that is not there."""
    return [*phone_parts.missing(settings.phone), *missing_chat(settings)]


def missing_chat(settings: Settings) -> list[str]:
    """Say what the chat channels need and is not there: the extra."""
    if installed() or not any(one.url is not None for one in settings.chat.channels):
        return []
    return ["chat.channels: a url needs the library apprise: pip install 'tocsin[chat]'"]
