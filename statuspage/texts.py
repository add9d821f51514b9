"""Text written by people, made fit for any page or feed: what XML forbids and what plays tricks goes.

Escaping is not done here: that is the templates' and the serialisers' work.
"""

import re
from dataclasses import replace

from monitor.domain.inventory import Component
from monitor.storage.public import PublicMaintenance, PublicProblem, PublicRecord, PublicUpdate
from statuspage.views import Site

_UNFIT = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff"
    "\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # marks that turn the reading direction around
)


def plain(text: str) -> str:
    """Return the text without control characters, lone surrogates and direction overrides."""
    return _UNFIT.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """Return the text as a title: plain, white space folded, never empty."""
    return " ".join(plain(text).split()) or "(untitled)"


def fit_site(site: Site) -> Site:
    """Return the site with every text fit to be shown, and an address without a slash at its end."""
    return replace(
        site,
        title=one_line(site.title),
        description=plain(site.description),
        contact=plain(site.contact),
        url=site.url.rstrip("/"),
        components=tuple(_component(component) for component in site.components),
    )


def _component(component: Component) -> Component:
    group = one_line(component.group) if component.group else None
    region = one_line(component.region) if component.region else None
    description = plain(component.description)
    return replace(
        component, name=one_line(component.name), group=group, region=region, description=description
    )


def fit(record: PublicRecord) -> PublicRecord:
    """Return the record with every text fit to be shown."""
    problems = tuple(_problem(problem) for problem in record.problems)
    series = tuple(replace(one, title=one_line(one.title), body=plain(one.body)) for one in record.series)
    works = tuple(_work(work) for work in record.maintenances)
    return replace(record, problems=problems, maintenances=works, series=series)


def _problem(problem: PublicProblem) -> PublicProblem:
    said = {language: one_line(title) for language, title in problem.said.items()}
    state = one_line(problem.state)
    return replace(
        problem, title=one_line(problem.title), state=state, updates=_updates(problem.updates), said=said
    )


def _work(work: PublicMaintenance) -> PublicMaintenance:
    return replace(work, title=one_line(work.title), body=plain(work.body), updates=_updates(work.updates))


def _updates(updates: tuple[PublicUpdate, ...]) -> tuple[PublicUpdate, ...]:
    return tuple(_update(update) for update in updates)


def _update(update: PublicUpdate) -> PublicUpdate:
    said = {language: plain(text) for language, text in update.said.items()}
    return replace(update, status=one_line(update.status), body=plain(update.body), said=said)
