"""Pre-approved texts on the page: a board that speaks one language, where what was said was said in it. Pure.

What somebody wrote stays as they wrote it; the few sentences that we put where nobody wrote any are the page's own words.
"""

from collections.abc import Sequence
from dataclasses import replace

from monitor.storage.public import PublicMaintenance, PublicProblem, PublicUpdate
from statuspage.months import Month
from statuspage.tongues import Tongue
from statuspage.views import Board, Told, Work

OURS = ("The work has begun.", "The work is completed.", "The work is cancelled.", "The problem is resolved.")
"""What is on record where something moved and nobody said a word."""


def in_language(board: Board, months: Sequence[Month], tongue: Tongue) -> tuple[Board, Sequence[Month]]:
    """Return the board and its months as they read in a language."""
    told = {one.problem.id: _told(one, tongue) for one in board.problems if _translates(one.problem)}
    works = {one.maintenance.id: _work(one, tongue) for one in board.works if _translates(one.maintenance)}
    if not told and not works:
        return board, months

    def problems(of: Sequence[Told]) -> tuple[Told, ...]:
        return tuple(told.get(one.problem.id, one) for one in of)

    def planned(of: Sequence[Work]) -> tuple[Work, ...]:
        return tuple(works.get(one.maintenance.id, one) for one in of)

    days = tuple(
        replace(day, problems=problems(day.problems), works=planned(day.works)) for day in board.past
    )
    spoken = replace(board, problems=problems(board.problems), works=planned(board.works), past=days)
    return spoken, [
        replace(
            month,
            problems=problems(month.problems),
            works=planned(month.works),
            days=tuple(
                replace(story, problems=problems(story.problems), works=planned(story.works))
                for story in month.days
            ),
        )
        for month in months
    ]


def _translates(one: PublicProblem | PublicMaintenance) -> bool:
    titled = isinstance(one, PublicProblem) and bool(one.said)
    return titled or any(update.said or update.body in OURS for update in one.updates)


def _told(told: Told, tongue: Tongue) -> Told:
    problem = told.problem
    title, updates = problem.said.get(tongue.code, problem.title), _updates(problem.updates, tongue)
    return replace(told, problem=replace(problem, title=title, updates=updates))


def _work(work: Work, tongue: Tongue) -> Work:
    plan = work.maintenance
    return replace(work, maintenance=replace(plan, updates=_updates(plan.updates, tongue)))


def _updates(updates: Sequence[PublicUpdate], tongue: Tongue) -> tuple[PublicUpdate, ...]:
    return tuple(replace(one, body=_read(one, tongue)) for one in updates)


def _read(update: PublicUpdate, tongue: Tongue) -> str:
    if update.body in OURS:
        return tongue.say(update.body)
    return update.said.get(tongue.code, update.body)
