"""From the section ``contact`` to the rules of the outbox: what is not said keeps its default."""

from collections.abc import Mapping
from datetime import timedelta
from zoneinfo import ZoneInfo

from monitor.domain.breaking import BreakerPolicy
from monitor.domain.contacts import RETRIES, RetryPolicy
from monitor.domain.pacing import Budget, Cap, ContactRules, Rate
from monitor.settings import ContactSettings, Settings

CHANNELS = ("phone", "page", "ticket", "mail", "chat")
PROVIDERS = ("phone", "ticket", "mail", "chat")
DRIVER_RATES: Mapping[str, Mapping[str, Rate]] = {
    "phone": {"twilio": Rate(per_second=1), "sip": Rate(per_second=2)},
}
"""What a driver's provider takes where the configuration does not say."""


def contact_rules(settings: Settings) -> ContactRules:
    """Return how hard, how often and how fast we contact."""
    contact = settings.contact
    caps = {
        channel: tuple(Cap(calls=each.calls, per=timedelta(seconds=each.per)) for each in given)
        for channel, given in (("phone", contact.caps.phone), ("page", contact.caps.page))
    }
    return ContactRules(
        retries=_retries(contact),
        rates=_rates(settings),
        caps=caps,
        budget=Budget(per_day=contact.calls_per_day, per_country=contact.calls_per_country),
        breaker=BreakerPolicy(
            failures=contact.breaker.failures,
            delays=contact.breaker.probe_after,
            alarm_after=contact.breaker.alarm_after,
        ),
        at_once=contact.at_once,
        zone=ZoneInfo(settings.service.zone),
    )


def _retries(contact: ContactSettings) -> dict[str, RetryPolicy]:
    """Lay what is said of a channel over its default; the phone's has keys of its own, too."""
    known = {**RETRIES, "phone": RetryPolicy(attempts=contact.attempts, delays=contact.retry_delays)}
    for channel in CHANNELS:
        default, said = known.get(channel, known["mail"]), getattr(contact.retries, channel)
        known[channel] = RetryPolicy(
            attempts=said.attempts or default.attempts, delays=said.delays or default.delays
        )
    return known


def _rates(settings: Settings) -> dict[str, Rate]:
    driver = {"phone": settings.phone.driver}
    own = {name: DRIVER_RATES[name][used] for name, used in driver.items() if used in DRIVER_RATES[name]}
    rates = {name: getattr(settings.contact.rates, name) for name in PROVIDERS}
    said = {name: Rate(per_second=rate.per_second, burst=rate.burst) for name, rate in rates.items() if rate}
    return {**own, **said}
