"""Hostile text in every column of every table that takes text, worked out from the schema: a new column is in it by itself.

What only our own code writes (states, kinds, names of moves) is in ``OURS`` by name; whoever adds such a column adds it there,
and whoever adds one for what people write needs do nothing: its pages are opened with it (``test_hostile_fields.py``).
"""

import json
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

import sqlalchemy as sa

from monitor.storage.schema import metadata
from tests.web.seeds import NOW
from tests.web.test_hostile import CORPUS

MARK = "x0"
"""Is an attribute in each payload that makes an element, and a word in every text."""
PAYLOADS = [
    *CORPUS,
    "<script x0>ran=1</script>", "<script src=//evil.example/x0.js></script>", "<img x0 src=x onerror=ran=1>", "<svg x0><script>ran=1</script></svg>", "<svg x0/onload=ran=1>",
    "<svg x0><a xlink:href=javascript:ran=1><text y=20>x</text></a><animate onbegin=ran=1 attributeName=x dur=1s>", "<svg x0><foreignObject><iframe src=//evil.example></iframe></foreignObject></svg>",
    "<div x0 style='background:url(//evil.example/x0)'>", "<style x0>@import url(//evil.example/x0.css);*{content:url(//evil.example)}</style>", "</style><img x0 src=x onerror=ran=1>", "</script><script x0>ran=1</script>",
    "<details x0 open ontoggle=ran=1>", "<video x0><source onerror=ran=1></video>", "<body x0 onload=ran=1>", "<input x0 autofocus onfocus=ran=1>", "<marquee x0 onstart=ran=1>", "<embed x0 src=//evil.example>",
    "<a x0 href='data:text/html,<script>ran=1</script>'>x</a>", "<a x0 href='java\tscript:ran=1'>x</a>", "data:text/html,<script>ran=1</script>", "vbscript:ran=1", '" x0 onmouseover="ran=1', "' x0 onfocus='ran=1' autofocus '", "` x0 onclick=ran=1 `",
    "{{constructor.constructor('ran=1')()}}", "#{ran=1}", "<%= ran %>", "{% include '/etc/passwd' %}", "[[${ran}]]", "${{<%[%'\"}}%\\.", "hx-get='//evil.example' x0", "<div x0 hx-get=//evil.example hx-trigger=load>", "<template x0><img src=x onerror=ran=1></template>",
    "\u202eexe.gpj\u2066\u2069\u200f", "\x00<img x0 src=x onerror=ran=1>", "\x1b[2J\x07\x08", "\ufeff\ufffe\u2028\u2029", "+ADw-script+AD4-ran=1+ADw-/script+AD4-", "\xbcscript\xberan=1\xbc/script\xbe",
    '=HYPERLINK("https://evil.example","x")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1+1)", "\t=1+1", "]]><img x0 src=x onerror=ran=1><![CDATA[", "<!ENTITY x SYSTEM 'file:///etc/passwd'>&x;", "<?xml-stylesheet href='//evil.example'?>",
    "x\r\nBcc: victim@evil.example\r\n\r\n<b x0>", "x\r\nSet-Cookie: a=b", "END:VEVENT\r\nBEGIN:VEVENT\r\nSUMMARY:forged", "DROP TABLE incidents; --", "' OR 1=1 --", "../../../../etc/passwd", "%0d%0aLocation:%20//evil.example", "\\u003cscript\\u003e",
]  # fmt: skip
OURS = frozenset(
    {
        "alerts.key", "alerts.fingerprint", "audit.action", "blind_spells.who", "check_changes.state", "check_results.said", "check_states.check", "check_states.verdict", "check_states.streak",
        "crash_trends.kind", "crashes.key", "installation.name", "installation.value", "audit.hash", "audit.seal", "passive_results.verdict", "pings.kind", "rollups.check", "rollups.step", "uptime_days.day", "uptime_days.zone", "uptime_days.version", "uptime_days.seconds",
        "incidents.dedup_key", "incidents.status", "incidents.public_state", "incidents.impact", "incidents.owner_party", "incidents.policy_digest", "incidents.source", "incidents.wording",
        "maintenance_series.rule", "maintenance_series.zone", "maintenance_series.first", "maintenance_series.except", "maintenance_series.source", "maintenances.status", "maintenances.zone", "maintenances.nth",
        "requests.status", "requests.policy", "requests.policy_digest", "requests.channel", "requests.reply_key", "requests.dedup", "requests.visibility", "appointments.status", "request_messages.side", "request_messages.dedup",
        "clocks.party", "clocks.promise", "crash_dumps.coding", "findings.source", "outbox.dedup", "outbox.state", "outbox.waits", "attempts.status", "attempts.waits", "passes.kind", "updates.wording",
        "subscriptions.selectors", "subscriptions.wanted", "tokens.scopes", "tokens.kind", "users.role", "users.password", "sessions.csrf", "sessions.way", "overruled.fact", "tickets.mark", "ticket_notes.dedup", "ticket_notes.kind",
        "licences.standing", "registered_contacts.hours", "registered_contacts.role", "ledger_entries.kind", "ledger_entries.dedup", "ledger_entries.sent_as", "ledger_lines.account", "announcements.kind", "announcements.phase", "secrets.kind", "storms.dimension",
    }
)  # fmt: skip
"""Text that no person, sender or configuration chooses."""
WORDS = {
    "uptime_days.day": "2026-11-24", "uptime_days.zone": "UTC", "maintenance_series.first": "2026-11-24T10:00:00", "maintenance_series.rule": "FREQ=WEEKLY", "maintenance_series.zone": "UTC",
    "ledger_entries.kind": "purchase", "ledger_lines.account": "balance", "users.role": "noc", "check_changes.state": "down", "announcements.kind": "problem", "announcements.phase": "began", "blind_spells.who": "us",
}  # fmt: skip
"""What such a column has in a row that is made here, where not every word is read."""


def texts(table: sa.Table) -> list[sa.Column]:
    """Return the columns of a table that somebody else's text can be in."""
    return [c for c in table.columns if isinstance(c.type, sa.Text) and f"{table.name}.{c.name}" not in OURS]


def fill(connection: sa.Connection, bad: str, kept: Mapping[str, str] = MappingProxyType({})) -> None:
    """Put the text into every column that does not have it in some row, with a row where there is none.

    Columns with a name in ``kept`` have what is said there: whose something is, where it is shown to nobody else.
    """
    for table in metadata.sorted_tables:
        if not connection.execute(sa.select(sa.func.count()).select_from(table)).scalar():
            connection.execute(table.insert().values(_row(connection, table, bad) | _kept(table, kept)))
        for column in texts(table):
            held = connection.execute(sa.select(column)).scalars()
            if column.name in kept or any(MARK in str(one) for one in held):
                continue
            change = table.update().values({column.name: _text(column, bad)})
            if _is_unique(table, column):
                key = next(iter(table.primary_key.columns))
                first = connection.execute(sa.select(sa.func.min(key))).scalar()
                change = change.where(key == first)
            connection.execute(change)


def _kept(table: sa.Table, kept: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in kept.items()
        if name in table.columns and not table.columns[name].foreign_keys
    }


def missing(connection: sa.Connection) -> list[str]:
    """Return the columns that take text and do not have it."""
    return [
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in texts(table)
        if not any(MARK in str(one) for one in connection.execute(sa.select(column)).scalars())
    ]


def _is_unique(table: sa.Table, column: sa.Column) -> bool:
    keys = [list(one.columns) for one in table.indexes if one.unique]
    keys += [list(one.columns) for one in table.constraints if isinstance(one, sa.UniqueConstraint)]
    return column.primary_key or column.unique or any(column in key for key in keys)


OBJECTS = frozenset({"alerts.labels", "alerts.annotations"})
"""JSON that has no default to tell that it is."""


def _text(column: sa.Column, bad: str) -> str:
    if f"{column.table.name}.{column.name}" in OBJECTS:
        return json.dumps({"alertname": bad, bad: bad})
    default = column.server_default if column.server_default is not None else column.default
    shape = str(default.arg) if default is not None else ""
    if shape == "{}":
        return json.dumps({"word": bad, bad: [bad, {"x": bad}]})
    return json.dumps([bad, {bad: bad}] if column.name == "history" else [bad]) if shape == "[]" else bad


def _row(connection: sa.Connection, table: sa.Table, bad: str) -> dict[str, object]:
    """Make a row with what a row needs."""
    row: dict[str, object] = {}
    for column in table.columns:
        if column.foreign_keys:
            target = next(iter(column.foreign_keys)).column
            row[column.name] = connection.execute(sa.select(target).limit(1)).scalar()
        elif isinstance(column.type, sa.Text):
            if f"{table.name}.{column.name}" not in OURS:
                row[column.name] = _text(column, bad)
            elif not column.nullable and column.default is None and column.server_default is None:
                row[column.name] = WORDS.get(f"{table.name}.{column.name}", "{}")
        elif column.nullable or column.default is not None or column.server_default is not None:
            continue
        elif isinstance(column.type, sa.String):
            row[column.name] = f"{table.name}-1"
        elif column.name != "seq":
            row[column.name] = _plain(column)
    return row


def _plain(column: sa.Column) -> object:
    kind = column.type.python_type if not isinstance(column.type, sa.TypeDecorator) else datetime
    return NOW if kind is datetime else {bool: False, int: 1, bytes: b"", float: 1.0}[kind]
