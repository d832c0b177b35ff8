"""How a task is told in A2A."""

import json
from pathlib import Path
from typing import Any

import pytest
from a2a.types import StreamResponse, Task
from google.protobuf import json_format
from hypothesis import example, given

from asgi_agent.dialects.a2a_task import A2ATask, read_task_id, task_id
from asgi_agent.dialects.exchange import Frame, Place
from asgi_agent.events import (
    AgentEvent,
    Approval,
    Audio,
    Cancelled,
    ClientTool,
    Complete,
    Data,
    Error,
    Question,
    Status,
    Text,
    Thinking,
    ToolExec,
    ToolResult,
    decode,
)
from tests.dialects.speech import entries, runs

GOLDEN = Path(__file__).parent / "golden" / "a2a"
PLACE = Place("context", 2, "run")
TASK = "run.2.context"
NAMED = {"taskId": TASK, "contextId": "context"}


def results_of(frames: list[Frame]) -> list[Any]:
    """The results, each of which is a message of the protocol."""
    found: list[Any] = []
    for frame in frames:
        response = json.loads(frame.data)
        assert (frame.event, response["jsonrpc"], response["id"]) == ("", "2.0", 7)
        json_format.ParseDict(response["result"], StreamResponse())  # refuses unknown fields
        found.append(response["result"])
    return found


def told(*events: AgentEvent) -> list[Any]:
    """The updates of a whole response, without those that begin it."""
    task = A2ATask(7)
    frames = [*task.begin(PLACE), *task.encode(entries(*events))]
    pause = task.pause()
    return results_of([*frames, *(pause.frames if pause else [])])[2:]


def update(state: str, *parts: Any, n: int = 1) -> Any:
    status: dict[str, Any] = {"state": f"TASK_STATE_{state}"}
    if parts:
        said = {"messageId": f"{TASK}.0.{n}", "role": "ROLE_AGENT", "parts": list(parts)}
        status["message"] = {**NAMED, **said}
    return {"statusUpdate": {**NAMED, "status": status}}


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_a_golden_stream_is_told_as_it_was_reviewed(path: Path) -> None:
    golden = json.loads(path.read_text(encoding="utf-8"))
    said = [decode(name, json.dumps(fields).encode()) for name, fields in golden["said"]]
    task = A2ATask(7)
    frames = [*task.begin(PLACE), *task.encode(entries(*said))]
    pause = task.pause()
    frames += pause.frames if pause else []
    expected = [{"jsonrpc": "2.0", "id": 7, "result": each} for each in golden["results"]]

    assert [frame.data for frame in frames] == [
        json.dumps(each, separators=(",", ":")) for each in expected
    ]


def test_there_are_golden_streams() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == {"weather", "approval"}


def test_a_task_is_submitted_and_then_at_work() -> None:
    task = {"id": TASK, "contextId": "context"}

    assert results_of(A2ATask(7).begin(PLACE)) == [
        {"task": {**task, "status": {"state": "TASK_STATE_SUBMITTED"}}},
        update("WORKING"),
    ]
    assert results_of(A2ATask(7).begin(PLACE._replace(after=3))) == [
        {"task": {**task, "status": {"state": "TASK_STATE_WORKING"}}}
    ]


def test_text_is_an_artifact_that_grows() -> None:
    def grown(text: str, *, append: bool) -> Any:
        artifact = {"artifactId": "text-1", "parts": [{"text": text}]}
        return {"artifactUpdate": {**NAMED, "artifact": artifact, "append": append}}

    assert told(Text("a"), Text("b"), Complete(None)) == [
        grown("a", append=False),
        grown("b", append=True),
        update("COMPLETED"),
    ]


def test_tools_are_news() -> None:
    call = ToolExec("1", "sum", {"x": None})
    assert told(call, ToolResult("1", "sum", 2), ToolResult("1", "sum", "no", is_error=True)) == [
        update(
            "WORKING",
            {"data": {"type": "tool_call", "id": "1", "name": "sum", "args": {"x": None}}},
        ),
        update(
            "WORKING",
            {"data": {"type": "tool_result", "id": "1", "name": "sum", "result": 2}},
            n=2,
        ),
        update(
            "WORKING",
            {
                "data": {
                    "type": "tool_result",
                    "id": "1",
                    "name": "sum",
                    "result": "no",
                    "is_error": True,
                }
            },
            n=3,
        ),
    ]


def test_what_belongs_to_the_application_is_news_too() -> None:
    assert told(Status("Writing"), Data("a", 1), Audio("audio/wav", b"\xff"), Thinking("b")) == [
        update("WORKING", {"text": "Writing"}),
        update("WORKING", {"data": {"type": "data", "name": "a", "value": 1}}, n=2),
        update("WORKING", {"raw": "/w==", "mediaType": "audio/wav"}, n=3),
    ]


def test_a_question_needs_input() -> None:
    data = {"type": "question", "id": "q", "prompt": "Who?"}

    assert told(Question("q", "Who?")) == [
        update("INPUT_REQUIRED", {"text": "Who?"}, {"data": data})
    ]


def test_an_approval_and_a_client_tool_need_input_too() -> None:
    approval = {
        "type": "approval",
        "id": "q",
        "tool_id": "1",
        "name": "a",
        "args": 1,
        "message": "",
    }
    tool = {"type": "client_tool", "id": "2", "name": "b", "args": None}

    assert told(Approval("q", "1", "a", 1, ""), ClientTool("2", "b", None)) == [
        update("INPUT_REQUIRED", {"data": approval}, {"data": tool})
    ]


@pytest.mark.parametrize("event", [Text("a"), Thinking("a"), Status("a"), ToolExec("1", "a", 1)])
def test_a_question_that_the_agent_has_gone_on_after_needs_none(event: AgentEvent) -> None:
    task = A2ATask(7)
    task.begin(PLACE)
    task.encode(entries(Question("q", "Who?"), event))

    assert task.pause() is None


@pytest.mark.parametrize(
    ("end", "last"),
    [
        (Complete(None), update("COMPLETED")),
        (Error("It failed.", "a"), update("FAILED", {"text": "It failed."})),
        (Cancelled("a"), update("CANCELED")),
    ],
)
def test_an_end_is_a_state(end: AgentEvent, last: Any) -> None:
    assert told(Question("q", "Who?"), end) == [last]


def test_a_response_that_is_cut_off_is_an_error() -> None:
    [frame] = A2ATask(7).cut_off("a")

    assert json.loads(frame.data) == {
        "jsonrpc": "2.0",
        "id": 7,
        "error": {"code": -32603, "message": "a"},
    }


def whole(task: A2ATask, before: list[AgentEvent], now: list[AgentEvent]) -> Any:
    said = entries(*before, *now)
    task.skip(said[: len(before)])
    task.begin(PLACE._replace(after=len(before)))
    task.encode(said[len(before) :])
    status, response = task.whole()
    assert status == 200
    return response["result"]


def test_a_whole_task_has_all_of_its_artifacts() -> None:
    task = whole(
        A2ATask(7), [Text("a"), Thinking("?"), Question("q", "Who?")], [Text("b"), Text("c")]
    )

    json_format.ParseDict(task, Task())
    assert [each["parts"] for each in task["artifacts"]] == [[{"text": "a"}], [{"text": "bc"}]]
    assert task["status"] == {"state": "TASK_STATE_WORKING"}


def test_the_answer_to_a_message_names_what_it_is() -> None:
    task = A2ATask(7, is_sent=True)

    assert whole(task, [], [Complete("a")])["task"]["status"] == {"state": "TASK_STATE_COMPLETED"}


def test_a_whole_task_may_need_input() -> None:
    task = A2ATask(7)
    found = whole(task, [], [Question("q", "Who?")])

    assert found["status"]["state"] == "TASK_STATE_INPUT_REQUIRED"
    assert task.whole()[1]["result"] == found


def test_what_has_its_answer_is_not_asked_again() -> None:
    task = A2ATask(7)
    task.begin(PLACE)
    task.waiting({"q"})
    tool = ClientTool("t", "where", {})
    task.encode(entries(Question("q", "Which?"), Approval("a", "c", "delete", {}, ""), tool))
    pause = task.pause()
    assert pause is not None
    [asked] = results_of(pause.frames)
    assert asked == update(
        "INPUT_REQUIRED",
        {"text": "Which?"},
        {"data": {"type": "question", "id": "q", "prompt": "Which?"}},
    )


def test_a_task_that_has_ended_cannot_be_cancelled() -> None:
    task = A2ATask(7, is_cancelled=True)
    task.begin(PLACE)
    task.encode(entries(Complete(None)))

    assert task.whole()[1]["error"]["code"] == -32002


def test_a_task_that_was_cancelled_is_told() -> None:
    task = A2ATask(7, is_cancelled=True)

    assert whole(task, [], [Cancelled()])["status"] == {"state": "TASK_STATE_CANCELED"}


@pytest.mark.parametrize("session_id", ["a", "a.b", "", "."])
def test_a_task_is_found_by_its_id(session_id: str) -> None:
    assert read_task_id(task_id(Place(session_id, 12, "run"))) == (session_id, 12, "run")


@pytest.mark.parametrize("text", ["", "a", "a.b.c", "a.-1.c", "a.².c", "a.9999999999.c"])
def test_any_other_id_is_of_no_task(text: str) -> None:
    assert read_task_id(text)[:2] == ("", 0)


@given(runs())
@example([Text(""), Complete({"only": "data"})])
def test_a_client_reads_what_the_agent_has_said(said: list[AgentEvent]) -> None:
    updates = told(*said)
    artifacts: dict[str, str] = {}
    returned: list[Any] = []
    for each in updates:
        match each:
            case {"artifactUpdate": {"artifact": artifact, "append": append}}:
                name, [part] = artifact["artifactId"], artifact["parts"]
                assert append is (name in artifacts)
                artifacts[name] = artifacts.get(name, "") + part["text"]
            case {"statusUpdate": {"status": {"message": {"parts": [{"data": dict(data)}]}}}}:
                if data["type"] == "tool_result":
                    returned.append((data["id"], data["result"]))
            case _:
                pass

    text = "".join(each.content for each in said if isinstance(each, Text))
    match said[-1]:
        case Complete(data) if not text and data is not None:
            text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
        case _:
            pass
    assert "".join(artifacts.values()) == text
    assert returned == [(e.id, e.result) for e in said if isinstance(e, ToolResult)]
    assert updates[-1]["statusUpdate"]["status"]["state"] in {
        "TASK_STATE_COMPLETED",
        "TASK_STATE_FAILED",
        "TASK_STATE_CANCELED",
    }
