"""What a dialect wants done is done: turns are started, answered, followed, cancelled."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from asgi_agent import AgentApp, Turn
from asgi_agent.agents import Agent
from asgi_agent.dialects.exchange import StartTurn
from asgi_agent.endpoints.exchange import CUT_OFF, FAILED, Exchanges
from asgi_agent.events import ClientTool, Complete
from asgi_agent.testing import Behaviour, Server, Stream, run, settle
from tests.endpoints.serving_agents import FOREVER, app_of, failing, parrot, silent
from tests.endpoints.tiny import Tiny, TinyApp
from tests.runs.faulty_log import FaultyLog


@asynccontextmanager
async def serving(agent: Agent, **settings: Any) -> AsyncIterator[tuple[Server, AgentApp]]:
    app = app_of(agent, **settings)
    async with Server(TinyApp(app)) as server:
        yield server, app


async def post(server: Server, **asked: Any) -> list[str]:
    """The frames of the response to this request."""
    response = await server.request("POST", "/", json=asked)
    assert response.status == 200, response.text
    if response.headers["content-type"] == "application/json":
        told: list[str] = response.json()
        return told
    assert response.headers["x-tiny"] == "1"
    return [event.data for event in response.events()]


async def refused(server: Server, **asked: Any) -> tuple[int, str]:
    response = await server.request("POST", "/", json=asked)
    return response.status, response.json()["refused"]


async def words(stream: Stream, count: int) -> list[str]:
    """The next frames of a stream that goes on."""
    return [(await anext(aiter(stream.events()))).data for _ in range(count)]


async def located(turn: Turn) -> Any:
    """Wants to know where the client is."""
    yield "Let me see. "
    yield ClientTool("t", "where", {})
    place = (await anext(aiter(turn.inbox)))["value"]
    yield f"You are in {place}."


async def talkative(turn: Turn) -> Any:
    """Goes on speaking while it waits for two answers."""
    yield ClientTool("t1", "where", {})
    yield ClientTool("t2", "when", {})
    yield "One moment. "
    one = await anext(aiter(turn.inbox))
    two = await anext(aiter(turn.inbox))
    yield f"{one['value']}, {two['value']}."


async def asking_leave(turn: Turn) -> Any:
    yield "May I? "
    yield "Yes." if await turn.approve("c", "delete", {}) else "No."


async def verbose(turn: Turn) -> Any:
    """Says more than is written at once, then asks."""
    for _ in range(200):
        yield "x" * 1000
    yield ClientTool("t", "where", {})
    await anext(aiter(turn.inbox))


LOCATED = ["begin 1 0", "Let me see. ", "call t", "pause"]


# Replies, and turns that are started


@pytest.mark.parametrize(("status", "told"), [(200, b'{"a":1}'), (418, b'{"a":1}'), (204, b"")])
def test_a_reply_is_given_at_once(status: int, told: bytes) -> None:
    async def main() -> None:
        async with serving(parrot) as (server, _):
            asked = {"do": "reply", "content": {"a": 1}, "status": status}
            response = await server.request("POST", "/", json=asked)
            assert (response.status, response.body.replace(b" ", b"")) == (status, told)

    run(main())


def test_a_query_is_read_and_a_get_has_no_body() -> None:
    async def main() -> None:
        async with serving(parrot) as (server, _):
            response = await server.request("GET", "/?do=reply&content=a%20b&content=c")
            assert response.json() == "c"

    run(main())


def test_a_turn_is_told_as_it_goes_on() -> None:
    async def main() -> None:
        async with serving(silent) as (server, app):
            async with server.stream("POST", "/", json={"prompt": "hi"}) as stream:
                assert await words(stream, 2) == ["begin 1 0", "..."]
            assert app.service.runs.active_count == 1

    run(main())


@pytest.mark.parametrize("is_streamed", [True, False])
def test_a_turn_is_told_whole_or_in_frames(is_streamed: bool) -> None:
    async def main() -> None:
        async with serving(parrot) as (server, _):
            history = [{"role": "user", "content": "ho"}]
            asked = {"prompt": "hi", "history": history, "session_id": "s"}
            assert await post(server, **asked, is_streamed=is_streamed) == [
                *("begin 1 0", "[user: ho] ", "hi", "complete")
            ]
            assert await post(server, prompt="go on", session_id="s", is_streamed=is_streamed) == [
                *("begin 2 0", "[user: ho] ", "[user: hi] ", "[assistant: [user: ho] hi] "),
                *("go on", "complete"),
            ]

    run(main())


@pytest.mark.parametrize("is_streamed", [True, False])
def test_a_response_has_the_headers_of_its_dialect(is_streamed: bool) -> None:
    async def main() -> None:
        async with serving(parrot) as (server, _):
            response = await server.request("POST", "/", json={"is_streamed": is_streamed})
            assert response.headers["x-tiny"] == "1"

    run(main())


@pytest.mark.parametrize("is_streamed", [True, False])
def test_the_failure_of_an_agent_is_told(is_streamed: bool) -> None:
    async def main() -> None:
        async with serving(failing) as (server, _):
            told = await post(server, is_streamed=is_streamed)
            assert told == ["begin 1 0", "half", "error"]

    run(main())


def test_what_cannot_be_started_is_refused() -> None:
    async def main() -> None:
        async with (
            serving(silent, max_concurrent_sessions=1) as (server, _),
            server.stream("POST", "/", json={"session_id": "s"}),
        ):
            assert (await refused(server, session_id="s"))[0] == 409
            assert (await refused(server))[0] == 503

    run(main())


def test_a_log_that_cannot_be_reached_is_told_without_its_secrets() -> None:
    async def main() -> None:
        log = FaultyLog()
        log.is_down = True
        async with serving(parrot, log=log) as (server, _):
            assert await refused(server) == (503, "The event log cannot be reached.")

    run(main())


def test_a_client_that_does_not_stream_may_leave_and_the_run_goes_on() -> None:
    async def main() -> None:
        async with serving(silent) as (server, app):
            asked = asyncio.create_task(server.request("POST", "/", json={"is_streamed": False}))
            await settle()
            asked.cancel()
            await asyncio.wait({asked})
            assert app.service.runs.active_count == 1

    run(main())


# Questions and their answers


def test_a_response_ends_with_a_question_and_the_next_goes_on() -> None:
    async def main() -> None:
        async with serving(located) as (server, _):
            assert await post(server, session_id="s") == LOCATED
            told = await post(server, answers=[["s", "t", "Rome"]])
            assert told == ["begin 1 3", "You are in Rome.", "complete"]

    run(main())


def test_a_whole_response_ends_with_a_question_too() -> None:
    async def main() -> None:
        async with serving(located) as (server, _):
            assert await post(server, session_id="s", is_streamed=False) == LOCATED
            told = await post(server, answers=[["s", "t", "Rome"]], is_streamed=False)
            assert told == ["begin 1 3", "You are in Rome.", "complete"]

    run(main())


def test_what_is_said_beyond_a_question_is_told_once() -> None:
    async def main() -> None:
        async with serving(talkative) as (server, _):
            first = await post(server, session_id="s")
            assert first == ["begin 1 0", "call t1", "call t2", "pause"]
            answers = [["s", "t2", "noon"], ["s", "t1", "Rome"]]
            assert await post(server, answers=answers) == [
                *("begin 1 2", "One moment. ", "noon, Rome.", "complete")
            ]

    run(main())


def test_a_request_that_is_sent_again_is_answered_again() -> None:
    async def main() -> None:
        prompts: list[str] = []

        async def slow(turn: Turn) -> Any:
            prompts.append(turn.prompt)
            yield ClientTool("t", "where", {})
            place = (await anext(aiter(turn.inbox)))["value"]
            yield f"You are in {place}."
            await asyncio.sleep(1)

        async with serving(slow) as (server, _):
            await post(server, session_id="s")
            asked = {"answers": [["s", "t", "Rome"]], "history": []}
            async with server.stream("POST", "/", json=asked) as stream:
                assert await words(stream, 2) == ["begin 1 1", "You are in Rome."]
            again = ["begin 1 1", "You are in Rome.", "complete"]
            asked["answers"] = [["s", "t", "Paris"]]
            assert await post(server, **asked) == again  # while the run goes on
            assert await post(server, **asked) == again  # and when it has ended
            assert prompts == [""]

    run(main())


def test_a_request_with_a_key_starts_one_turn_however_often_it_is_sent() -> None:
    async def main() -> None:
        prompts: list[str] = []

        async def slow(turn: Turn) -> Any:
            prompts.append(turn.prompt)
            await asyncio.sleep(1)
            yield "once"

        async with serving(slow) as (server, _):
            keyed = {"headers": {"idempotency-key": '"k"'}, "json": {"prompt": "hi"}}
            told = await asyncio.gather(*(server.request("POST", "/", **keyed) for _ in range(3)))
            assert {each.text for each in told} == {told[0].text}
            assert prompts == ["hi"]

    run(main())


@pytest.mark.parametrize("answer", [["s", "other", 1], ["other", "t", 1], ["s", "t", 1]], ids=str)
def test_an_answer_that_nobody_waits_for_begins_a_turn_where_there_is_a_history(
    answer: list[Any],
) -> None:
    async def main() -> None:
        async with serving(located) as (server, app):
            await post(server, session_id="s")
            await app.service.sessions.cancel(await app.service.sessions.get_session("s"))
            asked: dict[str, Any] = {"answers": [answer]}
            assert (await refused(server, **asked))[0] == 404
            assert await post(server, **asked, history=[]) == LOCATED

    run(main())


def test_the_answers_of_one_request_are_for_one_session() -> None:
    async def main() -> None:
        async with serving(talkative) as (server, _):
            await post(server, session_id="s")
            await post(server, session_id="other")
            answers = [["s", "t1", 1], ["other", "t2", 1]]
            assert (await refused(server, answers=answers))[0] == 404

    run(main())


@pytest.mark.parametrize("is_streamed", [True, False])
def test_an_approval_that_cannot_be_asked_for_is_refused(is_streamed: bool) -> None:
    async def main() -> None:
        async with serving(asking_leave) as (server, _):
            asked = {"session_id": "s", "refuses": True, "is_streamed": is_streamed}
            assert await post(server, **asked) == ["begin 1 0", "May I? ", "No.", "complete"]

    run(main())


def test_to_tell_an_old_approval_again_refuses_nothing() -> None:
    async def main() -> None:
        async with serving(asking_leave) as (server, _):
            first = await post(server, session_id="s", refuses=True)
            assert await post(server, do="follow", session_id="s", refuses=True) == first

    run(main())


def test_to_refuse_what_the_agent_waits_for_no_longer_is_nothing() -> None:
    async def impatient(turn: Turn) -> Any:
        try:
            async with asyncio.timeout(1):
                await turn.approve("c", "delete", {})
        except TimeoutError:
            yield "Too late."

    async def main() -> None:
        async with serving(impatient) as (server, app):
            await app.service.sessions.create_session("hi", None, "s")
            await asyncio.sleep(2)
            told = await post(server, do="follow", session_id="s", refuses=True)
            assert told == ["begin 1 0", "Too late.", "complete"]

    run(main())


def test_a_pause_that_nobody_can_end_cancels_the_run() -> None:
    async def main() -> None:
        async with serving(located) as (server, app):
            assert await post(server, session_id="s", is_final=True) == LOCATED
            assert app.service.runs.active_count == 0
            assert (await app.service.sessions.get_session("s")).status == "cancelled"

    run(main())


def test_a_pause_that_nobody_can_end_may_come_too_late() -> None:
    async def main() -> None:
        async with serving(verbose) as (server, app):
            session = await app.service.sessions.create_session("", None, "s")
            await settle()
            asked = {"do": "follow", "session_id": "s", "is_final": True}
            async with server.stream("POST", "/", json=asked) as stream:
                await settle()  # the client does not read what has been said so far
                await app.service.sessions.cancel(session)
                assert (await stream.rest()).events()[-1].data == "pause"

    run(main())


def test_who_hangs_up_at_a_question_may_come_back_with_the_answer() -> None:
    async def main() -> None:
        async with serving(located, on_disconnect="cancel") as (server, _):
            async with server.stream("POST", "/", json={"session_id": "s"}) as stream:
                assert await words(stream, 4) == LOCATED
            await asyncio.sleep(1)
            told = await post(server, answers=[["s", "t", "Rome"]])
            assert told == ["begin 1 3", "You are in Rome.", "complete"]

    run(main())


def test_who_hangs_up_before_the_question_cancels_the_run_where_that_is_asked_for() -> None:
    async def main() -> None:
        async with serving(silent, on_disconnect="cancel") as (server, app):
            async with server.stream("POST", "/", json={"session_id": "s"}) as stream:
                assert await words(stream, 2) == ["begin 1 0", "..."]
            await asyncio.sleep(1)
            assert app.service.runs.active_count == 0

    run(main())


# What becomes of a session that is not kept


def is_kept(app: AgentApp) -> int:
    return len(app.service.sessions)


@pytest.mark.parametrize("is_streamed", [True, False])
@pytest.mark.parametrize("agent", [parrot, failing])
def test_a_session_that_is_not_kept_goes_with_its_answer(agent: Agent, is_streamed: bool) -> None:
    async def main() -> None:
        async with serving(agent) as (server, app):
            await post(server, is_kept=False, is_streamed=is_streamed)
            assert not is_kept(app)
            await post(server, is_kept=True, is_streamed=is_streamed)
            assert is_kept(app)

    run(main())


def test_it_has_gone_before_the_client_can_know_that_the_answer_is_whole() -> None:
    async def main() -> None:
        held = Behaviour(window=0)  # nothing more is done before the client has read
        asked = {"prompt": "hi" * 50_000, "is_kept": False}
        async with (
            serving(only_whole) as (server, app),
            server.stream("POST", "/", json=asked, behaviour=held) as stream,
        ):
            while (await words(stream, 1)) != ["complete"]:
                pass
            assert not is_kept(app)

    run(main())


def test_it_stays_while_the_agent_waits_for_an_answer() -> None:
    async def main() -> None:
        async with serving(located) as (server, app):
            await post(server, session_id="s", is_kept=False)
            assert is_kept(app)
            await post(server, answers=[["s", "t", "Rome"]], is_kept=False)
            assert not is_kept(app)

    run(main())


def test_it_goes_where_nobody_can_answer() -> None:
    async def main() -> None:
        async with serving(located) as (server, app):
            assert (await post(server, is_kept=False, is_final=True))[-1] == "pause"
            assert not is_kept(app)
            assert app.service.runs.active_count == 0

    run(main())


def test_somebody_else_may_have_removed_it() -> None:
    async def main() -> None:
        async with serving(slow_end) as (server, app):
            asked = {"session_id": "s", "is_kept": False}
            async with server.stream("POST", "/", json=asked) as stream:
                assert await words(stream, 1) == ["begin 1 0"]
                sessions = app.service.sessions
                session = await sessions.get_session("s")
                ended = asyncio.create_task(remove_at_the_end(app, "s"))
                assert (await stream.rest()).events()[-1].data == "complete"
                await ended
                assert not is_kept(app)
                assert session.status == "completed"

    run(main())


async def slow_end(turn: Turn) -> Any:
    await asyncio.sleep(1)
    yield "x"


async def remove_at_the_end(app: AgentApp, session_id: str) -> None:
    session = await app.service.sessions.get_session(session_id)
    run_id = session.turns[-1] or ""
    active = app.service.runs.get(run_id)
    assert active is not None
    await active.ended.wait()
    await app.service.sessions.remove_session(session_id)


# Turns that are followed


@pytest.mark.parametrize("is_streamed", [True, False])
def test_a_turn_is_told_again_from_its_beginning_or_after_an_entry(is_streamed: bool) -> None:
    async def main() -> None:
        async with serving(parrot) as (server, _):
            await post(server, prompt="one", session_id="s")
            await post(server, prompt="two", session_id="s", history=[])
            follow = {"do": "follow", "session_id": "s", "is_streamed": is_streamed}
            assert await post(server, **follow) == ["begin 2 0", "two", "complete"]
            assert await post(server, **follow, turn=1) == ["begin 1 0", "one", "complete"]
            assert await post(server, **follow, after=2) == ["begin 2 2", "complete"]

    run(main())


def test_what_was_told_before_is_known_to_who_follows_after_it() -> None:
    async def main() -> None:
        async with serving(whole_answer) as (server, _):
            await post(server, session_id="s")
            follow = {"do": "follow", "session_id": "s", "is_streamed": False}
            assert await post(server, **follow) == ["begin 1 0", "a", "complete"]
            assert await post(server, **follow, after=2) == ["begin 1 2", "complete"]

    run(main())


async def whole_answer(turn: Turn) -> Any:
    """Says its answer, and says it again as a whole."""
    yield "a"
    yield Complete("a")


def test_a_turn_that_goes_on_is_told_so_far_or_to_its_end() -> None:
    async def main() -> None:
        async with serving(silent) as (server, app):
            session = await app.service.sessions.create_session("hi", None, "s")
            await settle()
            follow = {"do": "follow", "session_id": "s", "only_active": True}
            assert await post(server, **follow, is_streamed=False) == ["begin 1 0", "..."]
            async with server.stream("POST", "/", json=follow) as stream:
                assert await words(stream, 2) == ["begin 1 0", "..."]
                await app.service.sessions.cancel(session)
                assert (await stream.rest()).events()[-1].data == "cancelled"
            for is_streamed in (True, False):
                asked = {**follow, "is_streamed": is_streamed}
                assert (await server.request("POST", "/", json=asked)).status == 204

    run(main())


def test_an_older_turn_is_over_whatever_the_session_does() -> None:
    async def main() -> None:
        async with serving(silent_once_more) as (server, app):
            await post(server, prompt="one", session_id="s")
            await app.service.sessions.create_session("wait", None, "s")
            asked = {"do": "follow", "session_id": "s", "turn": 1, "only_active": True}
            assert (await server.request("POST", "/", json=asked)).status == 204

    run(main())


def test_who_comes_back_is_asked_what_has_no_answer_and_nothing_else() -> None:
    async def main() -> None:
        async with serving(located_twice) as (server, _):
            follow = {"do": "follow", "session_id": "s", "asks_once": True}
            await post(server, session_id="s")
            assert await post(server, **follow) == ["begin 1 0", "call t", "pause"]
            answered = {"answers": [["s", "t", "Oslo"]]}
            await post(server, **answered)
            told = ["begin 1 0", "answered t", "And before? ", "call u", "pause"]
            assert await post(server, **follow) == told
            assert await post(server, **follow, after_words=True) == [
                "begin 1 3",
                "call u",
                "pause",
            ]
            await post(server, session_id="s", prompt="again")  # cancels the one that waits
            told = ["begin 1 0", "answered t", "And before? ", "answered u", "cancelled"]
            assert await post(server, **follow, turn=1) == told

    run(main())


async def located_twice(turn: Turn) -> Any:
    yield ClientTool("t", "where", {})
    await anext(aiter(turn.inbox))
    yield "And before? "
    yield ClientTool("u", "where", {})
    await anext(aiter(turn.inbox))


def test_nothing_is_live_where_nothing_was_begun() -> None:
    async def main() -> None:
        async with serving(parrot) as (server, _):
            asked = {"do": "follow", "session_id": "unknown", "only_active": True}
            assert (await server.request("POST", "/", json=asked)).status == 204

    run(main())


def test_a_client_may_take_over_a_session_that_speaks() -> None:
    async def main() -> None:
        asked = {"prompt": "wait", "session_id": "s"}
        async with (
            serving(silent_once_more) as (server, _),
            server.stream("POST", "/", json=asked) as stream,
        ):
            assert await words(stream, 2) == ["begin 1 0", "wait"]
            assert (await refused(server, prompt="x", session_id="s"))[0] == 409
            taken = await post(server, prompt="x", session_id="s", takes_over=True)
            assert taken == ["begin 2 0", "x", "complete"]
            assert (await stream.rest()).events()[-1].data == "cancelled"

    run(main())


def test_a_prompt_may_be_the_answer_to_what_a_turn_waits_for() -> None:
    async def main() -> None:
        async with serving(located) as (server, _):
            await post(server, prompt="Where?", session_id="s")
            answer = {"answers": [["s", "t", "Oslo"]], "prompt": "Oslo", "history": []}
            told = await post(server, session_id="s", **answer, is_prompt_an_answer=True)
            assert told[-2:] == ["You are in Oslo.", "complete"]
            other = await post(server, session_id="s", **answer)  # what it says is another question
            assert other[0] == "begin 2 0"

    run(main())


async def silent_once_more(turn: Turn) -> Any:
    yield turn.prompt
    if turn.prompt == "wait":
        await asyncio.sleep(FOREVER)


@pytest.mark.parametrize(
    "asked",
    [
        {"session_id": "unknown"},
        {"session_id": "s", "turn": 2},
        {"session_id": "s", "turn": 0},
        {"session_id": "s", "turn": -1},
    ],
    ids=str,
)
def test_what_never_was_cannot_be_followed(asked: dict[str, Any]) -> None:
    async def main() -> None:
        async with serving(parrot) as (server, _):
            await post(server, session_id="s")
            assert (await refused(server, do="follow", **asked))[0] == 404

    run(main())


def test_what_the_log_keeps_no_longer_cannot_be_followed() -> None:
    async def main() -> None:
        async with serving(parrot) as (server, app):
            await post(server, session_id="s")
            session = await app.service.sessions.get_session("s")
            await app.service.runs.delete(session.turns[0] or "")
            follow = {"do": "follow", "session_id": "s"}
            assert (await refused(server, **follow, is_streamed=False))[0] == 404
            assert (await refused(server, **follow, after=1))[0] == 404
            response = await server.request("POST", "/", json={**follow, "only_active": True})
            assert response.status == 204

    run(main())


def test_a_gap_is_told() -> None:
    async def main() -> None:
        async with serving(long_winded, keep_bytes=2000) as (server, _):
            await post(server, session_id="s")
            told = await post(server, do="follow", session_id="s")
            assert told[:2] == ["begin 1 0", "data"]
            assert 0 < len(told) < 100

    run(main())


async def long_winded(turn: Turn) -> Any:
    for _ in range(100):
        yield "x" * 100


# Turns that are cancelled


def test_a_turn_is_cancelled_with_or_without_a_word() -> None:
    async def main() -> None:
        async with serving(silent) as (server, app):
            for tells in (True, False):
                await app.service.sessions.create_session("hi", None, "s")
                await settle()
                asked = {"do": "cancel", "session_id": "s", "tells": tells}
                response = await server.request("POST", "/", json=asked)
                assert response.status == (200 if tells else 204)
                if tells:
                    assert response.json() == ["begin 1 0", "...", "cancelled"]
                assert app.service.runs.active_count == 0

    run(main())


def test_a_turn_that_has_ended_is_not_cancelled_nor_is_the_next_one() -> None:
    async def main() -> None:
        async with serving(silent_once_more) as (server, app):
            await post(server, prompt="one", session_id="s")
            cancel = {"do": "cancel", "session_id": "s", "tells": True, "turn": 1}
            told = ["begin 1 0", "one", "complete"]
            assert await post(server, **cancel) == told
            await app.service.sessions.create_session("wait", None, "s")
            assert await post(server, **cancel) == told
            assert app.service.runs.active_count == 1
            assert (await refused(server, do="cancel", session_id="unknown"))[0] == 404

    run(main())


# Responses that end before their run


def test_a_response_that_the_host_cancels_is_not_taken_for_a_success() -> None:
    async def main() -> None:
        async with (
            serving(silent) as (server, _),
            server.stream("POST", "/", json={}) as stream,
        ):
            assert await words(stream, 2) == ["begin 1 0", "..."]
            stream._connection.task.cancel()
            assert [each.data for each in (await stream.rest()).events()] == [CUT_OFF]

    run(main())


def test_a_response_whose_run_is_deleted_is_not_taken_for_a_success() -> None:
    async def main() -> None:
        async with (
            serving(silent) as (server, app),
            server.stream("POST", "/", json={"session_id": "s"}) as stream,
        ):
            assert await words(stream, 2) == ["begin 1 0", "..."]
            session = await app.service.sessions.get_session("s")
            await app.service.runs.delete(session.turns[0] or "")
            assert [each.data for each in (await stream.rest()).events()] == [CUT_OFF]

    run(main())


@pytest.mark.parametrize("word", ["hi", "complete"])
def test_what_cannot_be_told_is_a_failure_even_at_the_end(word: str) -> None:
    async def main() -> None:
        async with serving(parrot) as (server, _):
            told = await post(server, prompt="hi", fails_at=word)
            assert told[-1] == FAILED

    run(main())


def test_a_response_is_ended_once() -> None:
    async def main() -> None:
        app = app_of(parrot)
        exchanges = Exchanges(app.service)
        for ends_early in (False, True):
            telling = await exchanges.start(StartTurn(encoder=Tiny(), prompt="hi"), None)
            if ends_early:
                assert [frame.data for frame in telling.cut_off("why")] == ["why"]
            else:
                async with aclosing(exchanges.frames(telling)) as frames:
                    assert [each async for each in frames][-1][-1].data == "complete"
            assert telling.cut_off("why") == []
        await app.drain(0)

    run(main())


async def only_whole(turn: Turn) -> Any:
    yield Complete(turn.prompt)


def test_nothing_follows_the_last_frame_wherever_the_host_cancels() -> None:
    async def main() -> None:
        held = Behaviour(window=0)  # nothing more is taken before the client has read
        asked = {"prompt": "hi" * 50_000}
        async with (
            serving(only_whole) as (server, _),
            server.stream("POST", "/", json=asked, behaviour=held) as stream,
        ):
            assert await words(stream, 1) == ["begin 1 0"]
            await settle()
            stream._connection.task.cancel()
            told = [each.data for each in (await stream.rest()).events()]
            assert told == [asked["prompt"], "complete"]

    run(main())
