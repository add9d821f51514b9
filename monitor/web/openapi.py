"""Typed routes for aiohttp: one declaration gives validation, the right errors and OpenAPI 3.1.

    @api.route("GET", "/api/v1/things/{id}", errors=(404,))
    async def get_thing(request: web.Request, params: ById) -> Thing: ...

``params`` is validated from the path and the query, ``body`` from JSON, the result is serialised by its
annotation. A mistake in the request is a 422 with every fault and its place, and nothing of the input.
"""

import inspect
import json
import re
import typing
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pydantic
from aiohttp import web
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from pydantic_core import CoreSchema

from monitor.web.problems import PROBLEM, FieldError, Handler, Problem, ProblemError, invalid, problem

Operation = Callable[..., Awaitable[Any]]
BODY_LIMIT = 256 * 1024
SCHEMAS = "#/components/schemas/{model}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """One operation as it was declared."""

    method: str
    path: str
    func: Operation
    tag: str
    status: int
    errors: tuple[int, ...]
    params: type[pydantic.BaseModel] | None
    body: type[pydantic.BaseModel] | None
    body_required: bool
    result: Any

    @property
    def summary(self) -> str:
        """The first line of the handler's docstring."""
        return (inspect.getdoc(self.func) or "").split("\n")[0]

    @property
    def output(self) -> str:
        """The key of the result's schema."""
        return f"{self.method} {self.path}"


class Api:
    """Collects operations, then serves and describes them."""

    def __init__(self, title: str, version: str) -> None:
        self.title = title
        self.version = version
        self.ops: list[Op] = []

    def route(
        self, method: str, path: str, *, status: int = 200, errors: tuple[int, ...] = ()
    ) -> Callable[[Operation], Operation]:
        """Declare an operation; its tag is the collection's name."""

        def declare(func: Operation) -> Operation:
            hints = typing.get_type_hints(func)
            body = inspect.signature(func).parameters.get("body")
            op = Op(
                method=method,
                path=path,
                func=func,
                tag=path.split("/")[3],
                status=status,
                errors=errors,
                params=hints.get("params"),
                body=hints.get("body"),
                body_required=body is not None and body.default is inspect.Parameter.empty,
                result=hints.get("return"),
            )
            self.ops.append(op)
            return func

        return declare

    def handler(self, op: Op) -> Handler:
        """Return the aiohttp handler of an operation."""
        adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(
            Any if _is_response(op.result) else op.result
        )

        async def handle(request: web.Request) -> web.StreamResponse:
            given: dict[str, Any] = {}
            if op.params is not None:
                given["params"] = _params(op.params, request)
            if op.body is not None:
                given["body"] = await _body(op, request)
            result = await op.func(request, **given)
            if isinstance(result, web.StreamResponse):
                return result
            body = adapter.dump_json(result, by_alias=True)
            return web.Response(body=body, status=op.status, content_type="application/json")

        return handle

    def document(self, scopes: Callable[[str, str], str | None]) -> dict[str, Any]:
        """Return the OpenAPI document; ``scopes`` tells the scope an operation needs."""
        refs, definitions = self._schemas()
        paths: dict[str, dict[str, Any]] = {}
        for op in self.ops:
            operation = _described(op, refs, definitions, scopes(op.method, op.path))
            paths.setdefault(op.path, {})[op.method.lower()] = operation
        return _renamed(
            {
                "openapi": "3.1.0",
                "info": {"title": self.title, "version": self.version, "license": {"name": "Apache-2.0"}},
                "paths": paths,
                "components": {
                    "schemas": _used(definitions, paths),
                    "securitySchemes": {
                        "bearer": {"type": "http", "scheme": "bearer"},
                        "basic": {"type": "http", "scheme": "basic", "description": "the token as password"},
                    },
                },
            }
        )

    def _schemas(self) -> tuple[dict[Any, dict[str, Any]], dict[str, Any]]:
        models = {Problem} | {m for op in self.ops for m in (op.params, op.body) if m is not None}
        ordered = sorted(models, key=lambda model: model.__name__)
        inputs: list[tuple[Any, JsonSchemaMode, CoreSchema]] = [
            (model, "validation", model.__pydantic_core_schema__) for model in ordered
        ]
        inputs.extend(
            (op.output, "serialization", pydantic.TypeAdapter(op.result).core_schema)
            for op in self.ops
            if not _is_response(op.result)
        )
        refs, definitions = GenerateJsonSchema(ref_template=SCHEMAS).generate_definitions(inputs)
        return {key: schema for (key, _), schema in refs.items()}, {
            str(name): schema for name, schema in definitions.items()
        }


def _is_response(result: Any) -> bool:
    return isinstance(result, type) and issubclass(result, web.StreamResponse)


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"].rsplit("/", 1)[-1]
        for each in node.values():
            yield from _references(each)
    elif isinstance(node, list):
        for each in node:
            yield from _references(each)


def _used(definitions: dict[str, Any], paths: dict[str, Any]) -> dict[str, Any]:
    """Return the definitions that an operation leads to; parameters are spelt out where they stand."""
    found: set[str] = set()
    waiting = set(_references(paths))
    while waiting:
        found |= waiting
        waiting = {name for each in waiting for name in _references(definitions[each])} - found
    return {name: definitions[name] for name in sorted(found)}


def _renamed(document: dict[str, Any]) -> dict[str, Any]:
    """Give pydantic's ``Listing_Incident_`` the name people would: ``IncidentList``."""
    renamed: dict[str, Any] = json.loads(re.sub(r"\bListing_(\w+?)_\b", r"\1List", json.dumps(document)))
    return renamed


def _params(model: type[pydantic.BaseModel], request: web.Request) -> pydantic.BaseModel:
    twice = sorted({name for name in request.query if len(request.query.getall(name)) > 1})
    if twice:
        errors = [FieldError(pointer=f"/{name}", detail="Given more than once") for name in twice]
        raise ProblemError(422, "The request is not valid.", errors=errors)
    try:
        return model.model_validate({**request.query, **request.match_info})
    except pydantic.ValidationError as error:
        raise ProblemError(422, "The request is not valid.", errors=invalid(error).errors) from None


async def _body(op: Op, request: web.Request) -> pydantic.BaseModel:
    assert op.body is not None, "only called for operations with a body"
    if (request.content_length or 0) > BODY_LIMIT:
        raise ProblemError(413, "The body is too large.")
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise ProblemError(415, "The body must not be compressed.")
    raw = await request.read()
    if not raw and not op.body_required:
        return op.body()
    if raw and request.content_type != "application/json" and not request.content_type.endswith("+json"):
        raise ProblemError(415, "The body must be application/json.")
    try:
        return op.body.model_validate_json(raw)
    except pydantic.ValidationError as error:
        raise ProblemError(422, "The request is not valid.", errors=invalid(error).errors) from None


def _described(
    op: Op, refs: dict[Any, dict[str, Any]], definitions: dict[str, Any], scope: str | None
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": op.func.__name__,
        "tags": [op.tag],
        "summary": op.summary,
        "parameters": _parameters(op, refs, definitions),
        "responses": _responses(op, refs),
    }
    if op.body is not None:
        content = {"application/json": {"schema": refs[op.body]}}
        described["requestBody"] = {"required": op.body_required, "content": content}
    if scope is not None:
        described["description"] = f"Needs a token with the scope `{scope}`."
        described["security"] = [{"bearer": []}, {"basic": []}]
    return described


def _parameters(op: Op, refs: dict[Any, dict[str, Any]], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    if op.params is None:
        return []
    reference = refs[op.params]
    schema = definitions.get(reference.get("$ref", "").rsplit("/", 1)[-1], reference)
    found: list[dict[str, Any]] = []
    for name, about in schema.get("properties", {}).items():
        place = "path" if f"{{{name}}}" in op.path else "query"
        required = place == "path" or name in schema.get("required", [])
        found.append({"name": name, "in": place, "required": required, "schema": about})
    return found


def _responses(op: Op, refs: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Done" if op.method != "GET" else "Found"}
    schema = {} if _is_response(op.result) else refs[op.output]
    good["content"] = {"application/json": {"schema": schema}}
    responses: dict[str, Any] = {str(op.status): good}
    faults = {401, 403, *op.errors, *((422,) if op.params or op.body else ())}
    faults |= {413, 415} if op.body else set()
    for status in sorted(faults):
        content = {PROBLEM: {"schema": {"$ref": SCHEMAS.format(model="Problem")}}}
        responses[str(status)] = {"description": problem(status, "").type, "content": content}
    return responses
