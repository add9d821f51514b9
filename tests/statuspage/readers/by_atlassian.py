"""Put every value into the models made from Atlassian's own OpenAPI, which refuse what is no word of theirs.

Usage: python atlassian.py URL
"""

import json
import sys
import urllib.request

from atlassian_statuspage import models
from atlassian_statuspage.api_client import ApiClient

COUNT = {"values": 0}
NAMES = ["summary", "components", "incidents", "incidents/unresolved", "scheduled-maintenances", "scheduled-maintenances/upcoming", "scheduled-maintenances/active"]  # fmt: skip


class Answer:
    """What its client reads an answer from."""

    def __init__(self, body: object) -> None:
        self.data = json.dumps(body)


def put(body: dict, model: type) -> None:
    """Fill a model with what we say: its setters know the words, its reader the types."""
    made = ApiClient().deserialize(Answer(body), model.__name__)
    for ours in model.attribute_map.values():
        COUNT["values"] += ours in body
    assert made.id == body["id"]


for name in NAMES:
    with urllib.request.urlopen(f"{sys.argv[1]}/api/v2/{name}.json") as answer:
        told = json.load(answer)
    put(told["page"], models.Page)
    for part in told.get("components", []):
        put(part, models.Component)
    for happening in [*told.get("incidents", []), *told.get("scheduled_maintenances", [])]:
        put(happening, models.Incident)
        for update in happening["incident_updates"]:
            put(update, models.IncidentUpdate)
        for part in happening["components"]:
            put(part, models.Component)
REFUSED = []
for model, word in ((models.Component, "operational-ish"), (models.Incident, "perhaps")):
    try:
        model(status=word)
    except ValueError:
        REFUSED.append(word)
print(json.dumps(COUNT | {"refused": REFUSED}))
