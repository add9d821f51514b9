"""The API's description: structurally sound, complete, and true to what the service answers."""

import re
from functools import cache

from monitor.web.rules import RULES, scope_of
from monitor.web.setup import rest
from tests.web.seeds import a_finding, a_ticket, an_incident


@cache
def described():
    return rest().document(scope_of)


def operations():
    return [
        (path, method, op) for path, methods in described()["paths"].items() for method, op in methods.items()
    ]


def references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for each in node.values():
            yield from references(each)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)


async def test_it_is_served_and_says_its_version(world):
    answer = await world.client.get("/api/openapi.json")
    assert answer.status == 200
    assert await answer.json() == described()
    assert described()["openapi"] == "3.1.0"
    assert described()["info"].keys() >= {"title", "version"}


def test_every_rest_route_is_described():
    routes = {(method.upper(), path) for path, method, _ in operations()}
    assert routes == {route for route in RULES if route[1].startswith("/api/v1")}


def test_every_reference_leads_somewhere():
    found = set(references(described()))
    assert found
    for each in found:
        assert each.startswith("#/components/schemas/"), each
        assert each.rsplit("/", 1)[1] in described()["components"]["schemas"], each


def test_operations_have_unique_ids_summaries_scopes_and_problem_answers():
    ids = [op["operationId"] for _, _, op in operations()]
    assert len(ids) == len(set(ids))
    for path, method, op in operations():
        assert op["summary"].endswith("."), (path, method)
        assert "scope" in op["description"]
        assert {"401", "403"} <= set(op["responses"])
        for status, response in op["responses"].items():
            assert response["description"]
            kind = "application/json" if status < "300" else "application/problem+json"
            assert list(response["content"]) == [kind]


def test_path_parameters_are_declared_and_required():
    for path, method, op in operations():
        named = set(re.findall(r"{(\w+)}", path))
        declared = {each["name"] for each in op["parameters"] if each["in"] == "path"}
        assert declared == named, (path, method)
        assert all(each["required"] for each in op["parameters"] if each["in"] == "path")
        assert len({each["name"] for each in op["parameters"]}) == len(op["parameters"])


def test_fields_that_stay_are_in_the_schemas():
    schemas = described()["components"]["schemas"]
    assert {"id", "status", "class", "system", "title", "opened_at"} <= set(schemas["Incident"]["properties"])
    assert {"id", "incident", "contact", "number", "status", "result"} <= set(schemas["Call"]["properties"])
    assert set(schemas["IncidentList"]["properties"]) == {"items", "next"}


def typed(value, schema):
    """Whether a value fits a schema, as far as types, required fields and arrays go."""
    if "$ref" in schema:
        schema = described()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if "anyOf" in schema:
        return any(typed(value, each) for each in schema["anyOf"])
    kinds = {"string": str, "integer": int, "boolean": bool, "number": (int, float), "array": list, "object": dict, "null": type(None)}  # fmt: skip
    if "type" in schema and not isinstance(value, kinds[schema["type"]]):
        return False
    if schema.get("type") == "array":
        return all(typed(each, schema.get("items", {})) for each in value)
    if schema.get("type") == "object" and "properties" in schema:
        fits = set(schema.get("required", [])) <= set(value) <= set(schema["properties"])
        return fits and all(typed(each, schema["properties"][name]) for name, each in value.items())
    return True


async def test_what_is_answered_fits_what_is_described(world):
    await world.seed(an_incident)
    await world.seed(a_finding, "inc-1")
    await world.seed(a_ticket, "inc-1")
    headers = await world.token("read", "operate")
    for path, method, op in operations():
        if method != "get" or "{" in path:
            continue
        answer = await (await world.client.get(path, headers=headers)).json()
        assert typed(answer, op["responses"]["200"]["content"]["application/json"]["schema"]), path


async def test_the_documentation_page_lists_every_operation(world):
    text = await (await world.client.get("/api/docs")).text()
    for path, _, _ in operations():
        assert path in text
