"""HttpAgent of @ag-ui/client, 1.0.0 and 0.0.59."""

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, TypeAlias

import pytest

from tests.clients.programs import run_javascript
from tests.serving import HOSTS, Served, serve

Told: TypeAlias = dict[str, Any]

PACKAGES = {"1.0.0": "@ag-ui/client", "0.0.59": "@ag-ui/client-0.0.59"}

YES = {"resume": {"status": "resolved", "payload": {"approved": True}}}
NO = {"resume": {"status": "resolved", "payload": {"approved": False}}}
NEVER_MIND = {"resume": {"status": "cancelled"}}
CONVERSATIONS: dict[str, list[Told]] = {
    "weather": [{"say": "What is the weather?"}, {"say": "What is the weather?"}],
    "client tool": [{"say": "Where am I?"}, {"tool": "Paris"}],
    "client tool forgotten": [{"say": "Where am I?"}, {"say": "Hello!"}],
    "yes": [{"say": "Clear my disk."}, YES],
    "no": [{"say": "Clear my disk."}, NO],
    "never mind": [{"say": "Clear my disk."}, NEVER_MIND],
    "something else": [{"say": "Ask me."}, {"say": "Hello!", **NEVER_MIND}],
    "questions": [
        {"say": "Ask me."},
        {"resume": {"status": "resolved", "payload": "Rome"}},
        {"resume": {"status": "resolved", "payload": "Monday"}},
    ],
    "failure": [{"say": "Fail."}, {"say": "Hello!"}],
    "reload": [{"say": "Count to twenty.", "leaveAt": "3"}, {"connect": True}],
    "reload at a question": [{"say": "Clear my disk."}, {"connect": True}, YES],
    "nothing live": [{"say": "Hello!"}, {"connect": True}],
    "cancel": [
        {"say": "Speak for ever.", "leaveAt": "on on"},
        {"say": "Are you there?"},
        {"cancel": True},
        {"say": "Hello!"},
    ],
}


@pytest.fixture(scope="module", params=HOSTS)
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    with serve("tests.clients.ag_ui_apps:app", request.param) as served:
        yield served


@pytest.fixture(scope="module", params=PACKAGES)
def version(request: pytest.FixtureRequest) -> str:
    """The version of the package."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def told(served: Served, version: str) -> dict[str, Told]:
    """How each conversation went. All are held at once, by one program."""
    conversations = json.dumps(list(CONVERSATIONS.values()))
    ended = run_javascript(served, "ag_ui.mjs", PACKAGES[version], conversations)
    assert (ended.code, ended.stderr) == (0, "")
    found = json.loads(ended.stdout)
    assert found["warnings"] == []  # of events that it does not know, or of fields
    return dict(zip(CONVERSATIONS, found["conversations"], strict=True))


def test_it_shows_thinking_tools_and_text_turn_by_turn(told: dict[str, Told], version: str) -> None:
    conversation = told["weather"]
    for messages in (conversation["messages"][:5], conversation["messages"][5:]):
        assert [each["role"] for each in messages] == [
            *("user", "reasoning", "assistant", "tool", "assistant")
        ]
        _, thought, call, result, answer = messages
        assert thought["content"] == "Let me look."
        assert call["toolCalls"][0]["function"] == {
            "name": "weather",
            "arguments": '{"city": "Paris"}',
        }
        assert result["toolCallId"] == call["toolCalls"][0]["id"]
        assert json.loads(result["content"]) == {"sky": None, "degrees": 18}
        assert answer["content"] == "It is 18 °C."

    end = conversation["ends"][1]
    assert end["result"] == "It is 18 °C."
    assert end["RUN_STARTED"].get("protocolVersion") == ("1.0" if version == "1.0.0" else None)
    assert end["CUSTOM"]["metadata"] == {"id": "c1"}
    assert end["RUN_FINISHED"]["usage"] == [{"inputTokens": 11, "outputTokens": 7}]


def test_it_calls_a_tool_of_its_own_and_the_run_goes_on(
    told: dict[str, Told], version: str
) -> None:
    asked, ended = told["client tool"]["ends"]
    *_, call, result, answer = told["client tool"]["messages"]

    assert call["toolCalls"][0]["function"] == {
        "name": "locate",
        "arguments": '{"accuracy":"city"}',
    }
    pending = {"pendingToolCallIds": [call["toolCalls"][0]["id"]]} if version == "1.0.0" else {}
    assert asked["RUN_FINISHED"]["outcome"] == {"type": "success", **pending}
    assert (result["content"], answer["content"]) == ("Paris", "You are in Paris.")
    assert ended["RUN_FINISHED"]["outcome"] == {"type": "success"}


@pytest.mark.parametrize("name", ["client tool forgotten", "something else"])
def test_a_person_may_say_something_else(told: dict[str, Told], name: str) -> None:
    answer = told[name]["messages"][-1]["content"]

    assert answer == f"You said: {CONVERSATIONS[name][0]['say']}; Hello!"


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("yes", "Done."),
        ("no", "I leave it as it is."),
        ("never mind", "I leave it as it is."),
        ("reload at a question", "Done."),
    ],
)
def test_a_person_is_asked_for_leave(told: dict[str, Told], name: str, answer: str) -> None:
    *asked, ended = told[name]["ends"]

    for each in asked:
        [interrupt] = each["RUN_FINISHED"]["outcome"]["interrupts"]
        assert (interrupt["reason"], interrupt["message"]) == ("tool_call", "Really?")
    assert "error" not in ended
    _, call, result, last = told[name]["messages"]
    assert result["toolCallId"] == call["toolCalls"][0]["id"]
    assert result["content"] == ("cleared" if answer == "Done." else "")
    assert last["content"] == answer


def test_a_person_is_asked_questions(told: dict[str, Told]) -> None:
    first, second, _ = told["questions"]["ends"]

    [city] = first["RUN_FINISHED"]["outcome"]["interrupts"]
    assert (city["message"], city["responseSchema"]) == ("Which city?", {"type": "string"})
    [day] = second["RUN_FINISHED"]["outcome"]["interrupts"]
    assert (day["message"], "responseSchema" in day) == ("Which day?", False)
    assert told["questions"]["messages"][-1]["content"] == "Rome, Monday."


def test_it_is_told_that_the_agent_failed(told: dict[str, Told]) -> None:
    failed, ended = told["failure"]["ends"]

    assert failed["RUN_ERROR"]["message"] == "The agent failed."
    assert "hunter2" not in json.dumps(told["failure"])
    assert told["failure"]["messages"][1]["content"] == "So far, so good. "
    assert ended["result"] == "You said: Fail.; Hello!"


def test_after_a_reload_it_reads_what_is_live_from_its_beginning(told: dict[str, Told]) -> None:
    left, ended = told["reload"]["ends"]

    assert left["RUN_ERROR"]["code"] == "abort"  # its own
    assert ended["events"][0] == "RUN_STARTED"
    [_, answer] = told["reload"]["messages"]
    assert answer["content"] == "".join(f"{number} " for number in range(1, 21))


def test_where_nothing_is_live_nothing_is_told_again(told: dict[str, Told]) -> None:
    assert told["nothing live"]["ends"][1] == {"events": []}


def test_a_run_is_in_the_way_until_it_is_cancelled(told: dict[str, Told]) -> None:
    _, refused, cancelled, ended = told["cancel"]["ends"]

    assert refused["error"].startswith("HTTP 409: ")
    assert "This session has a turn under way." in refused["error"]
    assert cancelled["status"] == 204
    assert ended["result"] == "You said: Speak for ever.; Are you there?; Hello!"


def test_no_id_is_used_twice(told: dict[str, Told]) -> None:
    for conversation in told.values():
        ids = sorted(each["id"] for each in conversation["messages"])
        assert not any(one == other for one, other in pairwise(ids))
