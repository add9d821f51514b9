"""What was, over a year: changes of belief, the last looks of each check in a ring, hours and days, our absences."""

import sqlalchemy as sa

from monitor.storage.schema_base import at, id_column, metadata, serial, text

check_changes = sa.Table(  # the record of states: from `at` on it was so
    "check_changes",
    metadata,
    sa.Column("check", sa.Text, primary_key=True),
    at("at", primary_key=True),
    text("state", nullable=False),  # up degraded down unknown
    sqlite_with_rowid=False,
)

check_results = sa.Table(  # one row a check: its last looks, and what is counted of the hour and the day
    "check_results",
    metadata,
    sa.Column("check", sa.Text, primary_key=True),
    sa.Column("looks", sa.LargeBinary, nullable=False),  # monitor.domain.rollups: twelve bytes a look
    text("said", nullable=False, default="[]"),  # what the last looks said that were not well
    at("hour", nullable=False),  # the hour that is being counted
    sa.Column("hour_speed", sa.LargeBinary),
    sa.Column("day_speed", sa.LargeBinary),
)

rollups = sa.Table(  # a day's hours or a month's days in one row
    "rollups",
    metadata,
    sa.Column("check", sa.Text, primary_key=True),
    sa.Column("step", sa.Text, primary_key=True),  # hour, day
    sa.Column(
        "bucket", sa.Integer, primary_key=True
    ),  # of hours: days since 1970; of days: months since year 0
    sa.Column("cells", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

absences = sa.Table(  # when nobody looked, for we were not there
    "absences",
    metadata,
    serial(),
    at("from_at", nullable=False),
    at("until", nullable=False),
)

uptime_days = sa.Table(  # a component's day as it was counted, with the version of the rule
    "uptime_days",
    metadata,
    sa.Column("component", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),  # a local date of the page's zone
    text("zone", nullable=False),
    text("version", nullable=False),
    text("seconds", nullable=False),  # by state
    sqlite_with_rowid=False,
)

maintenance_series = sa.Table(  # planned work that comes again; each time it does is a maintenance
    "maintenance_series",
    metadata,
    id_column(),
    text("title", nullable=False),
    text("body", nullable=False, default=""),
    text("rule", nullable=False),  # RRULE of RFC 5545, without its name
    text("zone", nullable=False),
    text("first", nullable=False),  # the wall time at which it begins for the first time
    sa.Column("seconds", sa.Integer, nullable=False),  # how long it lasts each time
    text("except", nullable=False, default="[]"),  # wall times left out
    text("systems", nullable=False, default="[]"),
    text("components", nullable=False, default="[]"),
    sa.Column("public", sa.Boolean, nullable=False, default=False),
    text("partner"),
    sa.Column("major", sa.Boolean),
    text("source", nullable=False, default="people"),  # people, config
    text("announced_by", nullable=False, default=""),
    at("announced_at", nullable=False),  # what the notice is counted from
    at("updated_at", nullable=False),
    at("laid_until"),  # up to when its maintenances are on record
    at("ended_at"),  # called off, or all of it over
    sa.Index("ix_maintenance_series_ended_at", "ended_at"),
)
