"""Run the eight tests that DiscordStatus ships, against another page. Usage: python by_discordstatus.py URL"""

import json
import sys
import types

sys.modules["pytest"] = types.SimpleNamespace(
    fixture=lambda made: made
)  # its tests call their fixtures, as one could
from discordstatus.discordstatus import DiscordStatus  # noqa: E402

from tests import test_discordstatus as its  # noqa: E402

DiscordStatus.__init__ = lambda self: setattr(self, "base_target", f"{sys.argv[1]}/api/v2")
names = [name for name in vars(its) if name.startswith("test_")]
for name in names:
    getattr(its, name)()
page = DiscordStatus()
print(
    json.dumps(
        {"passed": len(names), "open": [one["name"] for one in page.unresolved_incidents["incidents"]]}
    )
)
