"""What takes alerts in, put together: the inbox, and the ways by which they come."""

from collections.abc import Callable
from datetime import timedelta
from importlib.metadata import version

from aiohttp import web

from monitor.alert_inbox import AlertInbox
from monitor.intake import alert_events, alertmanager, results
from monitor.intake.alert_events import EventFace
from monitor.intake.alert_words import AlertFace
from monitor.intake.body import Limits, Memory
from monitor.intake.keys import FindToken
from monitor.nobodys import NobodysAlerts
from monitor.passive import Passive
from monitor.pipeline import Pipeline
from monitor.settings import Settings


def inbox(pipeline: Pipeline, settings: Callable[[], Settings]) -> AlertInbox:
    """Make the inbox; the settings are those in force."""
    return AlertInbox(
        pipeline=pipeline,
        store=pipeline.store,
        clock=pipeline.clock,
        new_id=pipeline.new_id,
        bell=pipeline.bell,
        metrics=pipeline.metrics,
        timeout=lambda: timedelta(seconds=settings().alerts.resolve_timeout),
        keeps=lambda: timedelta(seconds=settings().alerts.keep),
        failpoint=pipeline.failpoint,
    )


def nobodys(pipeline: Pipeline, settings: Callable[[], Settings]) -> NobodysAlerts:
    """Make what pages our own people about alerts that no rule maps."""
    return NobodysAlerts(
        world=pipeline.world,
        store=pipeline.store,
        bell=pipeline.bell,
        new_id=pipeline.new_id,
        after=lambda: timedelta(seconds=settings().alerts.unmapped_after),
    )


def routes(
    made: AlertInbox, find_token: FindToken, settings: Callable[[], Settings], passive: Passive
) -> list[web.AbstractRouteDef]:
    """Return the addresses at which alerts come in."""
    bounds = Limits().alerts
    face = AlertFace(
        accept=made.accept,
        standing=made.standing,
        find_token=find_token,
        clock=made.clock,
        bounds=bounds,
        memory=Memory(4 * bounds.inflated, bounds.inflated),
        metrics=made.metrics,
        started_at=made.clock(),
        version=version("tocsin"),
    )
    events = EventFace(
        alerts=face,
        stands_for=lambda: timedelta(seconds=settings().alerts.stands_for),
        acknowledge=made.acknowledged,
        over=lambda: settings().alerts.over,
        new_id=made.new_id,
    )
    return [
        *alertmanager.routes(face),
        *alert_events.routes(events),
        *results.routes(face, passive.accept, passive.system_of),
    ]
