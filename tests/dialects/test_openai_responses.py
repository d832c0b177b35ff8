"""OpenAI Responses: what is a request of this dialect, and what is not."""

import json

import pytest

from asgi_agent.dialects.exchange import Frame
from asgi_agent.dialects.openai_responses import OpenAIResponses, ResponsesChannel
from asgi_agent.errors import SessionBusy

dialect = OpenAIResponses()


def test_every_route_is_described() -> None:
    assert dialect.describe().keys() == {
        "/v1/responses",
        "/v1/responses/{response}",
        "/v1/responses/{response}/cancel",
    }
    for path, operations in dialect.describe().items():
        routes = dialect.routes(path.strip("/").split("/"))
        assert {method.upper() for method in operations} == set(routes)


@pytest.mark.parametrize(
    "path", [[], ["v1"], ["responses"], ["v1", "responses", "x", "y"], ["v1", "models"]]
)
def test_other_paths_are_left_to_others(path: list[str]) -> None:
    assert dialect.routes(path) == {}
    assert dialect.channel(path) is None


def test_an_error_says_whose_fault_it_is() -> None:
    kinds = [dialect.tell_error(status, "no")[1]["error"]["type"] for status in (404, 503)]
    assert kinds == ["invalid_request_error", "server_error"]


def test_a_lane_is_named_in_each_of_its_messages() -> None:
    frames = [Frame('{"type":"a"}', "a"), Frame('{"type":"b"}', "b")]
    channel = ResponsesChannel()
    assert channel.messages("", frames) == ['{"type":"a"}', '{"type":"b"}']
    named = [json.loads(message) for message in channel.messages('"', frames)]
    assert named == [{"stream_id": '"', "type": "a"}, {"stream_id": '"', "type": "b"}]
    assert (channel.opened(""), channel.closed(""), channel.ping) == ([], [], None)


def test_a_refusal_has_the_status_that_a_request_would_get() -> None:
    told = json.loads(ResponsesChannel().refuse("a", SessionBusy("Busy.")))
    assert (told["status"], told["stream_id"], told["error"]["message"]) == (409, "a", "Busy.")
