"""A program that crashes, for the demo: ``python -m monitor.crasher DSN``; the Sentry SDK reports it."""

import sys

import sentry_sdk


def route_call(number: str, trunks: dict[str, str]) -> str:
    """Look up a trunk that is not there."""
    return trunks[number[:3]]


def main(dsn: str) -> None:
    """Report an unhandled error of a PBX process, as an unmodified client does."""
    sentry_sdk.init(
        dsn=dsn, release="pbx-core@5.02", server_name="pbx2.aurora.example", default_integrations=False
    )
    sentry_sdk.set_tag("pbx.serial", "PBX-1002")
    try:
        route_call("+390461", {"+49": "trunk-de"})
    except KeyError as error:
        sentry_sdk.capture_exception(error)
    sentry_sdk.flush(timeout=10)


if __name__ == "__main__":
    main(sys.argv[1])
