"""Credentials are remembered for a second: never one that is not known, never for longer, never without a bound."""

import asyncio

import pytest

from monitor.domain.access import Token
from monitor.intake import remembered
from monitor.intake.remembered import FOR, RememberedTokens


class Record:
    """Tokens by their secrets, and who asked for them."""

    def __init__(self, **known: str) -> None:
        self.known = known
        self.asked: list[tuple[str, str]] = []

    async def find(self, secret: str, kind: str) -> Token | None:
        self.asked.append((secret, kind))
        return Token(id=self.known[secret]) if secret in self.known else None


class Later:
    """A loop's clock that can be put on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        real, self.ahead = loop.time, 0.0
        monkeypatch.setattr(remembered.asyncio, "get_running_loop", lambda: self)
        self.time = lambda: real() + self.ahead


async def test_one_that_is_found_is_asked_for_once_a_second(monkeypatch):
    record, later = Record(secret="t1"), Later(monkeypatch)
    find = RememberedTokens(record.find)
    for _ in range(5):
        assert await find("secret", "api") == Token(id="t1")
    assert record.asked == [("secret", "api")]
    later.ahead += FOR
    assert await find("secret", "api") == Token(id="t1")
    assert len(record.asked) == 2


async def test_a_revoked_one_is_refused_within_a_second(monkeypatch):
    record, later = Record(secret="t1"), Later(monkeypatch)
    find = RememberedTokens(record.find)
    await find("secret", "api")
    del record.known["secret"]
    later.ahead += FOR
    assert await find("secret", "api") is None


async def test_one_that_is_not_known_is_asked_for_each_time():
    record = Record()
    find = RememberedTokens(record.find)
    assert await find("secret", "api") is None
    record.known["secret"] = "t1"
    assert await find("secret", "api") == Token(id="t1")


async def test_one_kind_says_nothing_of_the_other():
    record = Record(secret="t1")
    find = RememberedTokens(record.find)
    await find("secret", "api")
    await find("secret", "dsn")
    assert record.asked == [("secret", "api"), ("secret", "dsn")]


async def test_what_is_remembered_is_bounded_and_holds_no_secret(monkeypatch):
    monkeypatch.setattr(remembered, "MOST", 3)
    record = Record(**{f"secret-{n}": f"t{n}" for n in range(10)})
    find = RememberedTokens(record.find)
    for secret in record.known:
        await find(secret, "api")
    assert len(find._found) == 3
    assert "secret-9" not in repr(find._found)
