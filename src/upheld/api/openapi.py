"""The OpenAPI 3.1 description of the service, made from the types that read its messages."""

from __future__ import annotations

from typing import Any

import msgspec

import upheld
from upheld.api import messages as m
from upheld.api.http import ENDPOINTS, METADATA

REF = "#/components/schemas/{name}"
OF: dict[str, tuple[str, tuple[type[msgspec.Struct], ...]]] = {
    "/access/v1/evaluation": ("Ask whether an act is allowed", (m.EvaluationResponse,)),
    "/access/v1/evaluations": (
        "Ask several questions at once",
        (m.EvaluationResponse, m.EvaluationsResponse),
    ),
    "/access/v1/search/subject": (
        "Find parties for whom an act is allowed",
        (m.PartySearchResponse,),
    ),
    "/access/v1/search/resource": (
        "Find data with which an act is allowed",
        (m.PartySearchResponse,),
    ),
    "/access/v1/search/action": ("Find acts that are allowed", (m.ActionSearchResponse,)),
}
ERRORS = {
    "400": "The message is not a question.",
    "401": "No token, or one that nobody was given.",
    "403": "This caller, or a question about a customer.",
    "405": "Not by POST.",
    "408": "The body did not arrive in time.",
    "413": "The body is too large.",
    "429": "Too many questions.",
    "500": "Something went wrong; nothing was decided.",
}


def description(base: str = "/") -> dict[str, Any]:
    """The whole document."""
    types = [each.type for each in ENDPOINTS.values()]
    types += [answer for _, answers in OF.values() for answer in answers]
    _, components = msgspec.json.schema_components([*types, m.Metadata], ref_template=REF)
    paths: dict[str, Any] = {
        path: {"post": _operation(path, summary, ENDPOINTS[path].type, answers)}
        for path, (summary, answers) in OF.items()
    }
    metadata = {"description": "Where everything is.", **_json(_ref(m.Metadata))}
    paths[METADATA] = {
        "get": {
            "operationId": "metadata",
            "summary": "Say where everything is",
            "security": [],
            "responses": {"200": metadata},
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "upheld: AuthZEN 1.0 over a privacy policy",
            "version": upheld.__version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base}],
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _ref(*types: type) -> dict[str, Any]:
    references = [{"$ref": REF.format(name=each.__name__)} for each in types]
    return {"anyOf": references} if references[1:] else dict(references[0])


def _operation(path: str, summary: str, body: type, answers: tuple[type, ...]) -> dict[str, Any]:
    echo = {
        "name": "X-Request-ID",
        "in": "header",
        "required": False,
        "description": "Comes back where it is plain text of at most 200 characters.",
        "schema": {"type": "string"},
    }
    error = _json({"type": "string"})
    return {
        "operationId": path.removeprefix("/access/v1/").replace("/", "_"),
        "summary": summary,
        "parameters": [echo],
        "requestBody": {"required": True, **_json(_ref(body))},
        "responses": {
            "200": {"description": "The answer; a deny is one.", **_json(_ref(*answers))},
            **{status: {"description": text, **error} for status, text in ERRORS.items()},
        },
    }
