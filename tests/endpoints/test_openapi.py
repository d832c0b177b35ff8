"""The description of every route, against the routes themselves."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import BaseModel

from asgi_agent.app import DIALECTS
from asgi_agent.dialects.exchange import operation
from asgi_agent.dialects.openai_chat import OpenAIChat
from asgi_agent.endpoints.openapi import PATHS, OpenAPI
from asgi_agent.testing import run
from tests.endpoints.serving_agents import app_of, parrot, serving

ALL = {**PATHS, **{path: each for dialect in DIALECTS for path, each in dialect.describe().items()}}


def described() -> Any:
    async def main() -> Any:
        async with serving(app_of(parrot)) as server:
            return (await server.request("GET", "/openapi.json")).json()

    return run(main())


@pytest.mark.parametrize("path", ALL)
def test_what_is_described_is_there(path: str) -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server:
            response = await server.request("OPTIONS", path.replace("{", "").replace("}", ""))
            assert response.status == 204
            allowed = response.headers["allow"].split(", ")
            assert set(map(str.upper, ALL[path])) | {"OPTIONS"} == set(allowed) - {"HEAD"}

    run(main())


def test_it_says_what_streams() -> None:
    paths = described()["paths"]
    content = paths["/stream/{session_id}"]["get"]["responses"]["200"]["content"]
    assert list(content) == ["text/event-stream"]
    content = paths["/v1/chat/completions"]["post"]["responses"]["200"]["content"]
    assert list(content) == ["application/json", "text/event-stream"]


def test_a_path_has_its_parameters() -> None:
    shown = described()["paths"]["/sessions/{session_id}"]["get"]
    [parameter] = shown["parameters"]
    assert (parameter["name"], parameter["in"]) == ("session_id", "path")


def test_every_reference_leads_somewhere() -> None:
    document = described()
    found = set(references(document))
    known = document["components"]["schemas"]
    assert found <= {f"#/components/schemas/{name}" for name in known}
    assert "#/components/schemas/HistoryMessage" in found
    assert "$defs" not in json.dumps(document)


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        here = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return [*here, *(each for item in value.values() for each in references(item))]
    return [each for item in value for each in references(item)] if isinstance(value, list) else []


def test_the_server_is_where_it_is_mounted() -> None:
    async def main() -> None:
        app = app_of(parrot)
        async with serving(app, root_path="/agent") as server:
            shown = (await server.request("GET", "/agent/openapi.json")).json()
            assert shown["servers"] == [{"url": "/agent"}]

    run(main())
    assert described()["servers"] == [{"url": "/"}]


class Other(BaseModel):
    """A body of another dialect."""

    other: int


class Sharing(OpenAIChat):
    """A dialect that shares a path with the native ones."""

    def describe(self) -> Mapping[str, Any]:
        return {"/api/chat": {"post": operation("Something else", Other, streams=True)}}


def test_a_path_that_two_dialects_share_takes_either_body() -> None:
    shared = OpenAPI([Sharing()], "agent").document["paths"]["/api/chat"]["post"]
    schema = shared["requestBody"]["content"]["application/json"]["schema"]
    assert [each["title"] for each in schema["anyOf"]] == ["ChatRequest", "Other"]
    assert list(shared["responses"]["200"]["content"]) == ["application/json", "text/event-stream"]
    assert shared["summary"] == "The whole answer; or: Something else"
