"""The Vercel AI SDK 5, 6 and 7: `Chat` over HTTP and WebSocket, and the hook `useChat` in a page.

drivers/ai_sdk.mjs holds all its conversations at once; each test reads what one of them has shown.
"""

import json
from collections.abc import Iterator
from typing import Any, TypeAlias

import pytest

from tests.clients.programs import run_javascript
from tests.serving import Served, serve

HOSTS = ("uvicorn-httptools-websockets", "hypercorn")
VERSIONS = ("5", "6", "7")
SLOWLY = "Ready, steady, go."
REMOVED = "May I? It was removed."

Shown: TypeAlias = dict[str, Any]


@pytest.fixture(scope="module", params=HOSTS)
def server(request: pytest.FixtureRequest) -> Iterator[Served]:
    with serve("tests.clients.ai_sdk_apps:app", request.param) as served:
        yield served


@pytest.fixture(scope="module", params=VERSIONS)
def version(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def shown(server: Served, version: int) -> Shown:
    ended = run_javascript(server, "ai_sdk.mjs", str(version))
    assert (ended.code, ended.stderr) == (0, "")
    told: Shown = json.loads(ended.stdout)
    return told


def texts(shown: Shown) -> list[str]:
    """The text of each message."""
    return [text(message) for message in shown["messages"]]


def text(message: Shown) -> str:
    return "".join(part["text"] for part in message["parts"] if part["type"] == "text")


def part(message: Shown, **fields: Any) -> Shown:
    """The part that has these fields."""
    found = [each for each in message["parts"] if fields.items() <= each.items()]
    assert len(found) == 1, (fields, message)
    only: Shown = found[0]
    return only


def assert_well(*all_shown: Shown) -> None:
    for shown in all_shown:
        assert "thrown" not in shown, shown["thrown"]
        assert (shown["status"], shown["errors"]) == ("ready", [])


def test_a_message_has_the_thought_the_tools_the_data_and_the_text(
    shown: Shown, version: int
) -> None:
    told = shown["hello"]
    assert_well(told)
    question, message, *_ = told["messages"]
    parts = [{k: v for k, v in each.items() if k != "id"} for each in message["parts"]]

    assert text(question) == "Hello!"
    assert parts == [
        {"type": "step-start"},
        {"type": "reasoning", "text": "Let me see.", "state": "done"},
        {
            "type": "dynamic-tool",
            "toolName": "weather",
            "toolCallId": "call_1",
            "state": "output-available",
            "input": {"city": "Tokyo"},
            "output": "sunny",
            "providerExecuted": True,
        },
        {
            "type": "dynamic-tool",
            "toolName": "break",
            "toolCallId": "call_2",
            "state": "output-error",
            "input": {},
            "errorText": "it broke",
            "providerExecuted": True,
        },
        {"type": "data-progress", "data": {"percent": 100}},
        {"type": "text", "text": "It is sunny.", "state": "done"},
    ]
    assert message["metadata"] == {"usage": {"input_tokens": 11, "output_tokens": 7}}
    assert told["data"] == [
        ["data-status", {"content": "Looking"}],
        ["data-progress", {"percent": 10}],
        ["data-progress", {"percent": 100}],
        ["data-cursor", 7],
    ]
    assert told["finished"] == [[False, False, "stop"]] * 2


def test_the_next_turn_knows_what_was_said(shown: Shown) -> None:
    assert texts(shown["hello"])[2:] == [
        "What was that?",
        "user: Hello!\nassistant: It is sunny.\nWhat was that?",
    ]


def test_read_ui_message_stream_reads_the_same_message(shown: Shown) -> None:
    first = shown["hello"]["messages"][1]
    assert {**shown["read"], "id": first["id"]} == first


def test_the_client_runs_its_tool_once_and_the_message_goes_on(shown: Shown) -> None:
    told = shown["clientTool"]
    assert_well(told)
    message = told["messages"][-1]

    assert [call["toolName"] for call in told["calls"]] == ["get_location"]
    assert part(message, type="tool-get_location")["output"] == "Oslo"
    assert text(message) == "One moment. You are in Oslo."
    assert len(told["messages"]) == 2
    assert [reason for *_, reason in told["finished"]] == ["tool-calls", "stop"]


def test_the_agent_learns_that_the_clients_tool_has_failed(shown: Shown) -> None:
    told = shown["clientToolFails"]
    assert_well(told)
    assert texts(told)[-1] == "One moment. You are in {'error': 'No satellites.'}."


def test_a_tool_that_was_allowed_runs(shown: Shown, version: int) -> None:
    told = shown["allowed"]
    assert_well(told)
    asked, message = told["asked"], told["messages"][-1]

    if version == 5:
        part(asked, type="tool-remove", state="input-available")
    else:
        part(asked, type="dynamic-tool", toolName="remove", state="approval-requested")
    assert part(asked, type="data-approval")["data"] == {
        "toolCallId": "call_rm",
        "message": "Gone for ever.",
    }
    assert asked["id"] == message["id"]
    assert part(message, toolCallId="call_rm", state="output-available")["output"] == {"removed": 1}
    assert text(message) == REMOVED


def test_a_tool_that_was_refused_does_not(shown: Shown, version: int) -> None:
    told = shown["refused"]
    assert_well(told)
    message = told["messages"][-1]

    state = "output-available" if version == 5 else "output-denied"
    part(message, toolCallId="call_rm", state=state)
    assert text(message) == "May I? It was kept."


def test_questions_are_answered_by_messages(shown: Shown) -> None:
    told = shown["questions"]
    assert_well(told)

    assert texts(told) == [
        "Ask me.",
        "Hm. Which city?",
        "Oslo",
        "How many days?",
        "",
        "3 days in Oslo.",
    ]
    assert [data for kind, data in told["data"] if kind == "data-question"] == [
        {"prompt": "Which city?"},
        {"prompt": "How many days?", "schema": {"type": "integer"}},
    ]
    assert shown["typedAnswers"] == "3 days in Oslo."


def test_a_tool_call_that_the_client_forgets_holds_up_nobody(shown: Shown) -> None:
    told = shown["somethingElse"]
    assert_well(told)
    assert texts(told)[-1].endswith("Never mind.")


def test_a_failure_is_an_error_and_what_was_said_is_kept(shown: Shown) -> None:
    told = shown["failure"]
    assert (told["status"], told["errors"]) == ("error", ["The agent failed."])
    assert texts(told)[-1] == "So far, so good."


def test_a_request_that_is_not_understood_is_an_error_that_says_why(shown: Shown) -> None:
    told = shown["notUnderstood"]
    assert told["status"] == "error"
    [message] = told["errors"]
    assert json.loads(message)["error"].startswith("Invalid request: id: ")


def test_a_message_is_made_anew(shown: Shown) -> None:
    told = shown["regenerate"]
    assert_well(told)
    assert texts(told) == ["First", "First", "Second", "user: First\nassistant: First\nSecond"]
    assert told["messages"][-1]["id"] != told["before"]


def test_who_stops_reading_can_have_the_turn_cancelled(shown: Shown) -> None:
    told = shown["stop"]
    assert_well(told)
    assert told["codes"] == [204, 204]
    assert told["finished"][0] == [True, False, None]
    assert len(told["messages"]) == 2  # nothing is live: nothing was resumed
    assert set(texts(told)[-1].split()) == {"on"}


def test_who_stops_and_asks_again_is_answered(shown: Shown) -> None:
    told = shown["stopAndGoOn"]
    assert_well(told)
    assert texts(told)[-1].endswith("\nGo on.")


def test_a_turn_that_is_cancelled_elsewhere_ends(shown: Shown) -> None:
    told = shown["stoppedElsewhere"]
    assert_well(told)
    assert set(texts(told)[-1].split()) == {"on"}


def test_a_client_that_comes_back_has_the_whole_message(shown: Shown) -> None:
    told = shown["resume"]
    assert_well(*told.values())
    assert texts(told["talk"]) == ["Speak slowly.", SLOWLY]
    assert told["other"]["messages"] == told["talk"]["messages"]
    assert told["late"]["messages"] == told["talk"]["messages"]


def test_a_chat_that_was_never_begun_has_nothing_to_resume(shown: Shown) -> None:
    assert_well(shown["resumeUnknown"])
    assert shown["resumeUnknown"]["messages"] == []


def test_who_comes_back_after_an_approval_has_the_message_from_its_beginning(
    shown: Shown, version: int
) -> None:
    told = shown["resumeAfterApproval"]
    assert_well(*told.values())
    message = told["talk"]["messages"][-1]

    assert text(message) == REMOVED
    state = "input-available" if version == 5 else "approval-requested"
    part(told["waiting"]["messages"][-1], toolCallId="call_rm", state=state)
    for name in ("fresh", "stale"):
        resumed = told[name]["messages"][-1]
        assert (resumed["id"], text(resumed)) == (message["id"], REMOVED)
        part(resumed, toolCallId="call_rm", state="output-available")
        assert len(told[name]["messages"]) == 2


def test_who_comes_back_after_an_answer_has_the_message_that_follows_it(shown: Shown) -> None:
    told = shown["resumeAfterQuestion"]
    assert_well(*told.values())
    assert told["other"]["messages"] == told["talk"]["messages"]


def test_a_connection_that_is_lost_costs_nothing(shown: Shown, version: int) -> None:
    if version == 5:  # it adds the replay to what it has
        assert shown["disconnect"] is None
        return
    told = shown["disconnect"]
    assert (told["cut"]["status"], told["cut"]["errors"]) == ("error", ["network error"])
    assert texts(told["cut"])[-1] == "Ready, steady, "
    assert told["status"] == "ready"
    assert texts(told) == ["Speak slowly.", SLOWLY]


def test_one_web_socket_carries_many_chats(shown: Shown, version: int) -> None:
    if version < 7:
        assert "webSocket" not in shown
        return
    told = shown["webSocket"]
    assert "thrown" not in told, told["thrown"]
    well = ("hello", "remove", "slow", "other", "unknown", "stopped")
    assert_well(*(told[name] for name in well))

    assert told["hello"]["messages"][-1]["parts"] == shown["hello"]["messages"][1]["parts"]
    assert texts(told["remove"])[-1] == REMOVED
    assert texts(told["slow"]) == ["Speak slowly.", SLOWLY]
    assert told["other"]["messages"] == told["slow"]["messages"][1:]
    assert told["unknown"]["messages"] == []
    assert texts(told["stopped"])[-1].endswith("\nGo on.")
    assert told["failing"]["errors"] == ["The agent failed."]
    assert told["long"]["errors"][0].startswith("Invalid request: id: ")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_page_that_is_loaded_again_resumes_with_one_request(version: str) -> None:
    with serve("tests.clients.ai_sdk_apps:app") as served:
        ended = run_javascript(served, "ai_sdk_hook.mjs", version)
    assert (ended.code, ended.stderr) == (0, "")
    told = json.loads(ended.stdout)

    assert told["requests"] == ["GET", "POST"]
    assert told["shown"] == [
        "user: Speak slowly.",
        f"assistant: {SLOWLY}",
        "user: Hello!",
        "assistant: It is sunny.",
    ]
