"""One problem's page as the public would see it, for who is about to publish: the page's own template, in each language.

A preview is looked at: it runs nothing and leads nowhere.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from monitor.storage.public import PublicProblem, PublicRecord
from statuspage import links
from statuspage.board import build
from statuspage.render import ENVIRONMENT, Times
from statuspage.saying import in_language
from statuspage.tongues import tongue
from statuspage.views import Site

SCRIPT = re.compile(r"<script\b[^>]*></script>\n?")
NOWHERE = "#main"


def preview(site: Site, problem: PublicProblem, now: datetime) -> Mapping[str, str]:
    """Render a problem's page by language."""
    named = tuple(each for each in site.components if each.id in problem.components)
    board = build(PublicRecord(problems=(problem,), looked_at=now), replace(site, components=named), now)
    made: dict[str, str] = {}
    for code in site.languages or (site.language,):
        speaks = tongue(code)
        spoken, _ = in_language(board, (), speaks)
        text = ENVIRONMENT.get_template("incident.html").render(
            board=spoken,
            site=spoken.site,
            path=links.problem_path(problem.id),
            live=False,
            link=_link,
            language=speaks,
            _=speaks.html,
            n_=speaks.many,
            t=Times(spoken.site.tz, speaks),
            subject=spoken.problems[0],
        )
        made[code] = SCRIPT.sub("", text)
    return made


def _link(target: str, code: str = "") -> str:  # noqa: ARG001 - as the page's own
    return target if target.startswith("/static/") else NOWHERE
