"""Builders for tests of the ``http`` check."""

from typing import Any

from checks.base import Target, Tools
from checks.curl import CurlEngine
from checks.http import TYPE, HttpCheck
from checks.http_options import HttpOptions
from monitor.domain.findings import Observation, Symptom
from tests.checks import far_ends
from tests.checks.far_ends import NOW, served


def a_check(
    engine: CurlEngine | None,
    target: str,
    *,
    timeout: float = 5.0,
    symptom: Symptom | None = None,
    variables: dict[str, str] | None = None,
    **options: Any,
) -> HttpCheck:
    made = Target(name="web", target=target, timeout=timeout, symptom=symptom)
    check = TYPE.build(
        made, HttpOptions.model_validate(options), Tools(http=engine, variables=variables or {})
    )
    assert isinstance(check, HttpCheck)
    return check


async def look(
    engine: CurlEngine, talk: far_ends.Talk, *, tls=None, host="127.0.0.1", **more: Any
) -> Observation:
    async with served(talk, tls=tls) as port:
        scheme = "http" if tls is None else "https"
        return await a_check(engine, f"{scheme}://{host}:{port}/", **more).observe(NOW)
