"""The native routes: ask, read, read on, cancel, answer, look and forget."""

import asyncio
import json
from typing import Any

import pytest

from asgi_agent import Turn
from asgi_agent.errors import SlowClient
from asgi_agent.events import Approval, Complete
from asgi_agent.sse import Event
from asgi_agent.testing import Behaviour, Response, Server, run, settle
from tests.endpoints.serving_agents import (
    FOREVER,
    app_of,
    ask,
    asking,
    counter,
    failing,
    ids,
    kinds,
    parrot,
    read,
    serving,
    silent,
)

STREAM_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
}


def now() -> float:
    return asyncio.get_running_loop().time()


# To ask


def test_to_ask_is_answered_with_the_session_and_where_to_read() -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server:
            given = await ask(server, "hi", "mine")
            assert given == {"session_id": "mine", "stream_url": "/stream/mine"}
            made = await ask(server, "hi", None)
            assert made["stream_url"] == f"/stream/{made['session_id']}"
            assert len(made["session_id"]) == 36
            assert kinds(await read(server, made["stream_url"]))[-1] == "complete"

    run(main())


@pytest.mark.parametrize("session_id", ["a/b", "x?y#z q", "é\u2028", "%2F", "a+b", "..."])
def test_any_session_id_can_be_read_where_the_answer_says(session_id: str) -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server:
            asked = await ask(server, "hi", session_id)
            assert asked["stream_url"].isascii()
            assert len(await read(server, asked["stream_url"])) == 4
            path = asked["stream_url"].replace("/stream/", "/sessions/")
            assert (await server.request("GET", path)).json()["session_id"] == session_id

    run(main())


def test_under_a_mount_the_stream_url_is_what_the_client_must_use() -> None:
    async def main() -> None:
        async with serving(app_of(parrot), root_path="/api/v1") as server:
            response = await server.request("POST", "/api/v1/ask", json={"prompt": "x"})
            url = response.json()["stream_url"]
            assert url.startswith("/api/v1/stream/")
            assert await read(server, url)
        async with serving(app_of(parrot, public_prefix="/outside")) as server:
            assert (await ask(server, "x"))["stream_url"] == "/outside/stream/s"
        async with serving(app_of(parrot, public_prefix=""), root_path="/api") as server:
            response = await server.request("POST", "/api/ask", json={"prompt": "x"})
            assert response.json()["stream_url"].startswith("/stream/")

    run(main())


def test_b4_a_reconnect_never_runs_the_agent_again() -> None:
    async def main() -> None:
        begun: list[str] = []

        async def agent(turn: Turn) -> Any:
            begun.append(turn.prompt)
            yield "once"
            await asyncio.sleep(1)

        async with serving(app_of(agent)) as server:
            await ask(server, "a")
            streams = await asyncio.gather(*(read(server) for _ in range(5)))
            assert all(stream == streams[0] for stream in streams)
            assert await read(server) == streams[0]  # also after its end
            assert begun == ["a"]

    run(main())


def test_the_run_begins_when_it_is_asked_for_and_needs_no_reader() -> None:
    async def main() -> None:
        async with serving(app_of(counter)) as server:
            await ask(server, "3")
            await asyncio.sleep(3.1)
            assert (await server.request("GET", "/sessions/s")).json()["status"] == "completed"

    run(main())


def test_a_second_prompt_meanwhile_is_409_and_changes_nothing() -> None:
    async def main() -> None:
        async with serving(app_of(counter)) as server:
            await ask(server, "2")
            response = await server.request("POST", "/ask", json={"prompt": "1", "session_id": "s"})
            assert (response.status, list(response.json())) == (409, ["error"])
            assert json.loads((await read(server))[-1].data) == {"data": "0 1 "}

    run(main())


def test_b13_at_the_limit_a_prompt_is_503_with_retry_after_and_only_while_runs_are_active() -> None:
    async def main() -> None:
        async with serving(app_of(counter, max_concurrent_sessions=2)) as server:
            for _ in range(3):
                await ask(server, "1", None)
                await ask(server, "1", None)
                full = await server.request("POST", "/ask", json={"prompt": "1"})
                assert (full.status, full.headers["retry-after"]) == (503, "1")
                assert full.json() == {"error": "Maximum concurrent sessions (2) reached"}
                await asyncio.sleep(1.1)

    run(main())


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"prompt": 5}', b'{"prompt": "\xff"}'])
def test_a_request_that_is_not_understood_is_400(body: bytes) -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server:
            headers = {"content-type": "application/json"}
            response = await server.request("POST", "/ask", headers=headers, body=body)
            assert response.status == 400
            assert response.json()["error"].startswith("Invalid request: ")

    run(main())


# To read


def test_a_stream_has_the_headers_that_proxies_need_and_begins_at_once() -> None:
    async def main() -> None:
        async with serving(app_of(counter)) as server:
            await ask(server, "5")
            async with server.stream("GET", "/stream/s") as stream:
                assert stream.status == 200
                assert STREAM_HEADERS.items() <= stream.headers.items()
                assert "connection" not in stream.headers
                assert now() < 1

    run(main())


def test_a_silent_stream_has_a_heartbeat_every_four_seconds() -> None:
    async def main() -> None:
        async with serving(app_of(silent)) as server:
            await ask(server, "x")
            async with server.stream("GET", "/stream/s") as stream:
                said = b""
                while b"..." not in said:
                    said += await stream.read()
                times: list[float] = []
                for _ in range(3):
                    assert await stream.read() == b":\n"
                    times.append(round(now()))
                assert times == [4, 8, 12]
            await server.request("DELETE", "/sessions/s")

    run(main())


def test_the_reconnection_time_is_told_once_inside_the_first_event() -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server:
            await ask(server, "hi")
            body = (await server.request("GET", "/stream/s")).body
            assert body.count(b"retry:") == 1
            assert b"retry: 1000\nid: 1-1\nevent: block_start\n" in body
        async with serving(app_of(parrot, retry_ms=None)) as server:
            await ask(server, "hi")
            assert b"retry:" not in (await server.request("GET", "/stream/s")).body

    run(main())


def test_each_event_has_its_place_in_the_session_as_its_id() -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server:
            await ask(server, "a")
            first = await read(server)
            assert ids(first) == ["1-1", "1-2", "1-3", "1-4"]
            assert kinds(first) == ["block_start", "text", "block_end", "complete"]
            await ask(server, "b")
            assert ids(await read(server))[0] == "2-1"

    run(main())


def test_an_unknown_session_is_404() -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server:
            for method, path in (
                ("GET", "/stream/x"),
                ("HEAD", "/stream/x"),
                ("GET", "/sessions/x"),
                ("DELETE", "/sessions/x"),
                ("POST", "/sessions/x/cancel"),
            ):
                response = await server.request(method, path)
                assert response.status == 404
                if method != "HEAD":
                    assert response.json() == {"error": "Session not found or expired"}

    run(main())


def test_an_expired_session_is_404() -> None:
    async def main() -> None:
        async with serving(app_of(parrot, session_timeout_seconds=100)) as server:
            await ask(server, "a")
            await asyncio.sleep(99)
            assert len(await read(server)) == 4
            await asyncio.sleep(101)
            assert (await server.request("GET", "/stream/s")).status == 404

    run(main())


def test_head_answers_as_get_and_starts_nothing() -> None:
    async def main() -> None:
        async with serving(app_of(counter)) as server:
            await ask(server, "5")
            begin = now()
            head = await server.request("HEAD", "/stream/s")
            assert (head.status, head.body) == (200, b"")
            assert STREAM_HEADERS.items() <= head.headers.items()
            assert now() == begin
            end = (await read(server))[-1].id or ""
            over = await server.request("HEAD", "/stream/s", headers={"last-event-id": end})
            assert over.status == 204

    run(main())


def test_b3_a_failure_is_told_as_one_error_event_without_our_secrets() -> None:
    async def main() -> None:
        async with serving(app_of(failing)) as server:
            await ask(server, "x")
            events = await read(server)
            assert kinds(events) == ["block_start", "text", "block_end", "error"]
            assert json.loads(events[-1].data) == {
                "error": "The agent failed.",
                "code": "agent_error",
            }
            assert "hunter2" not in (await server.request("GET", "/sessions/s")).text

    run(main())


# To read on


def test_b5_whoever_comes_back_reads_exactly_the_rest() -> None:
    async def main() -> None:
        async with serving(app_of(counter)) as server:
            await ask(server, "8")
            seen: list[Event] = []
            while not seen or seen[-1].event != "complete":
                last = {"last-event-id": seen[-1].id or ""} if seen else {}
                async with server.stream("GET", "/stream/s", headers=last) as stream:
                    async for event in stream.events():
                        seen.append(event)
                        if len(seen) % 3 == 0:
                            break
            assert ids(seen) == [f"1-{seq}" for seq in range(1, 12)]
            assert [json.loads(each.data)["content"] for each in seen if each.event == "text"] == [
                f"{number} " for number in range(8)
            ]

    run(main())


def test_b12_over_http_2_where_nothing_may_pace_it_a_long_stream_is_read_in_parts() -> None:
    async def verbose(turn: Turn) -> Any:
        for _ in range(60):
            yield "x" * 100_000

    async def main() -> None:
        async with serving(
            app_of(verbose), behaviour=Behaviour(scope={"http_version": "2"})
        ) as server:
            await ask(server, "x")
            first = await read(server)
            assert 4 << 20 < sum(len(event.data) for event in first) < 5 << 20
            rest = await read(server, last=first[-1].id)
            assert ids(first + rest) == [f"1-{seq}" for seq in range(1, 64)]
            assert kinds(rest)[-1] == "complete"
            assert "complete" not in kinds(first)
            again = await server.request("GET", "/stream/s", headers={"last-event-id": "1-63"})
            assert again.status == 204

    run(main())


def test_after_the_end_a_client_is_told_to_stop_reconnecting() -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server:
            await ask(server, "a")
            end = (await read(server))[-1].id
            assert end is not None
            response = await server.request("GET", "/stream/s", headers={"last-event-id": end})
            assert (response.status, response.body) == (204, b"")

    run(main())


def test_after_the_end_of_a_turn_comes_the_next_one() -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server:
            await ask(server, "a")
            end = (await read(server))[-1].id
            for prompt in ("b", "c"):
                await ask(server, prompt)
                await read(server)
            assert ids(await read(server, last=end))[0] == "2-1"
            assert ids(await read(server))[0] == "3-1"
            assert ids(await read(server, last="2-2"))[0] == "2-3"

    run(main())


@pytest.mark.parametrize(
    "last", ["nonsense", "0-1", "7-1", "1-99", "1-", "9" * 8000, "1-1 1-2", "\xe9"]
)
def test_an_id_that_was_never_given_leaves_a_gap_and_begins_the_latest_turn(last: str) -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server:
            await ask(server, "a")
            await read(server)
            await ask(server, "b")
            gap, *events = await read(server, last=last.encode().decode("latin-1"))
            assert (gap.event, gap.id) == ("data", None)
            assert json.loads(gap.data) == {
                "name": "gap",
                "value": {"last_event_id": last, "next_event_id": "2-1"},
            }
            assert ids(events) == [f"2-{seq}" for seq in range(1, len(events) + 1)]

    run(main())


def test_what_is_kept_no_longer_is_a_gap() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            for _ in range(100):
                yield "x" * 100
                await asyncio.sleep(0)
            yield Complete("")

        async with serving(app_of(agent, keep_bytes=2000)) as server:
            await ask(server, "x")
            await asyncio.sleep(1)
            for last, asked in ((None, "1-0"), ("1-7", "1-7")):
                gap, *events = await read(server, last=last)
                assert json.loads(gap.data)["value"] == {
                    "last_event_id": asked,
                    "next_event_id": events[0].id,
                }
                assert ids(events) == [f"1-{seq}" for seq in range(104 - len(events), 104)]
                assert 5 < len(events) < 20

    run(main())


def test_a_turn_that_is_kept_no_longer_is_a_gap_before_the_latest() -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server:
            for number in range(10):
                await ask(server, f"{number}")
                await read(server)
            gap, *events = await read(server, last="1-2")
            assert json.loads(gap.data)["value"]["last_event_id"] == "1-2"
            assert ids(events)[0] == "10-1"

    run(main())


def test_a_client_that_does_not_read_is_cut_off_and_reads_the_rest_when_it_comes_back() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            for number in range(2000):
                yield f"{number:0500}"
                await asyncio.sleep(0)

        # The client's window is 64 KiB, after which `send` waits.
        app = app_of(agent, lead_bytes=50_000, patience=10)
        async with serving(app) as server:
            await ask(server, "x")
            seen: list[Event] = []

            async def stall() -> None:
                async with server.stream("GET", "/stream/s") as stream:
                    await asyncio.sleep(30)
                    assert not stream.complete
                    seen.extend([event async for event in stream.events()])

            with pytest.raises(SlowClient):  # to the host, which aborts the connection
                await stall()
            status = (await server.request("GET", "/sessions/s")).json()["status"]
            assert status == "completed"  # the run has gone on
            seen += await read(server, last=seen[-1].id)
            assert ids(seen) == [f"1-{seq}" for seq in range(1, 2004)]

    run(main())


# To cancel


def test_a_cancelled_run_tells_its_readers_and_then_whoever_cancelled_it() -> None:
    async def main() -> None:
        async with serving(app_of(silent)) as server:
            await ask(server, "x")
            reading = asyncio.create_task(read(server))
            await settle()
            response = await server.request("POST", "/sessions/s/cancel")
            assert (response.status, response.json()) == (202, {"status": "cancelled"})
            events = await reading
            assert kinds(events) == ["block_start", "text", "block_end", "cancelled"]
            assert (await server.request("GET", "/sessions/s")).json()["status"] == "cancelled"
            again = await server.request("POST", "/sessions/s/cancel")
            assert (again.status, again.json()) == (409, {"error": "Nothing is running."})

    run(main())


def test_after_a_cancel_the_conversation_goes_on() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            yield f"{turn.prompt} after {len(turn.history)}"
            if turn.prompt == "long":
                await asyncio.sleep(FOREVER)

        async with serving(app_of(agent)) as server:
            await ask(server, "long")
            await settle()
            await server.request("POST", "/sessions/s/cancel")
            await ask(server, "short")
            assert json.loads((await read(server))[-1].data) == {"data": "short after 2"}

    run(main())


# To answer


async def answer(server: Server, question_id: str, value: Any) -> Response:
    body = {"id": question_id, "value": value}
    return await server.request("POST", "/sessions/s/answer", json=body)


def test_a_question_is_asked_on_the_stream_and_answered_by_a_request() -> None:
    async def main() -> None:
        async with serving(app_of(asking)) as server:
            await ask(server, "weather?")
            async with server.stream("GET", "/stream/s") as stream:
                question = await anext(stream)
                asked = json.loads(question.data)
                assert (question.event, asked["prompt"]) == ("question", "Which city?")
                shown = (await server.request("GET", "/sessions/s")).json()
                assert shown["questions"] == [{"type": "question", **asked}]

                assert (await answer(server, "nobody", 1)).status == 404
                given = await answer(server, asked["id"], "Tokyo")
                assert (given.status, given.json()) == (202, {"status": "answered"})
                assert (await answer(server, asked["id"], "Oslo")).status == 409

                approval = await anext(stream)
                assert approval.event == "approval"
                assert (await answer(server, json.loads(approval.data)["id"], True)).status == 202
                events = [event async for event in stream.events()]
            assert json.loads(events[-1].data) == {"data": "sunny in Tokyo"}
            over = await answer(server, asked["id"], "Oslo")
            assert (over.status, over.json()["error"]) == (409, "This question has been answered.")

    run(main())


def test_a_question_survives_a_reconnect() -> None:
    async def main() -> None:
        async with serving(app_of(asking)) as server:
            await ask(server, "weather?")
            for _ in range(3):
                async with server.stream("GET", "/stream/s") as stream:
                    question = json.loads((await anext(stream)).data)
            await answer(server, question["id"], "Tokyo")
            async with server.stream(
                "GET", "/stream/s", headers={"last-event-id": "1-1"}
            ) as stream:
                approval = await anext(stream)
                assert approval.event == "approval"
                await answer(server, json.loads(approval.data)["id"], "yes")
                events = [event async for event in stream.events()]
            assert json.loads(events[-1].data) == {"data": "never mind"}

    run(main())


# To look, and to forget


def test_a_session_is_shown_with_its_history() -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server:
            await ask(server, "a")
            await read(server)
            response = await server.request("GET", "/sessions/s")
            assert response.headers["content-type"] == "application/json"
            assert response.json() == {
                "session_id": "s",
                "status": "completed",
                "history": [
                    {"role": "user", "content": "a"},
                    {"role": "assistant", "content": "a"},
                ],
                "questions": [],
            }

    run(main())


def test_a_session_is_shown_whatever_its_agent_asks_about() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            yield Approval(
                "q", "c", "f", {"when": {1}, "ratio": float("nan"), "of": asking}, "\ud800"
            )
            await asyncio.sleep(FOREVER)

        async with serving(app_of(agent)) as server:
            await ask(server, "x")
            await settle()
            [question] = (await server.request("GET", "/sessions/s")).json()["questions"]
            assert question["args"]["when"] == [1]
            assert question["args"]["ratio"] is None
            assert question["message"] == "\ufffd"
            await server.request("DELETE", "/sessions/s")

    run(main())


def test_a_deleted_session_is_cancelled_and_gone() -> None:
    async def main() -> None:
        async with serving(app_of(silent)) as server:
            await ask(server, "x")
            reading = asyncio.create_task(read(server))
            await settle()
            response = await server.request("DELETE", "/sessions/s")
            assert (response.status, response.body) == (204, b"")
            last = (await reading)[-1]
            assert (last.event, json.loads(last.data)) == ("cancelled", {"reason": "deleted"})
            assert (await server.request("GET", "/stream/s")).status == 404
            await ask(server, "y")  # under the same name, from the beginning
            await settle()
            shown = (await server.request("GET", "/sessions/s")).json()
            assert shown["history"] == [{"role": "user", "content": "y"}]
            await server.request("DELETE", "/sessions/s")

    run(main())


def test_health_names_the_agent() -> None:
    async def main() -> None:
        for app, name in ((app_of(parrot), "parrot"), (app_of(parrot, name="Polly"), "Polly")):
            async with serving(app) as server:
                response = await server.request("GET", "/health")
                assert response.json() == {"status": "healthy", "agent_name": name}

    run(main())


def test_an_event_id_of_a_deleted_session_leads_into_no_other() -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server:
            await ask(server, "a")
            before = await read(server)
            await server.request("DELETE", "/sessions/s")
            await ask(server, "b")
            for seen in before:
                gap, *events = await read(server, last=seen.id)
                assert json.loads(gap.data)["value"]["next_event_id"] == "2-1"
                assert kinds(events) == kinds(before)

    run(main())


def test_a_deleted_run_tells_its_followers_to_the_end() -> None:
    async def main() -> None:
        async with serving(app_of(counter)) as server:
            await ask(server, "9")
            reading = asyncio.create_task(read(server))
            await asyncio.sleep(2.5)
            await server.request("DELETE", "/sessions/s")
            assert kinds(await reading) == ["block_start", "text", "text", "block_end", "cancelled"]

    run(main())
