"""The lifespan, as hosts run it: for applications with one, without one, and with a bad one."""

import asyncio
from typing import Any

import pytest

from asgi_agent.asgi.types import Message, Receive, Scope, Send
from asgi_agent.testing import (
    Behaviour,
    Deadlock,
    Leak,
    LifespanFailed,
    ProtocolViolation,
    Server,
    run,
)

START: Message = {"type": "http.response.start", "status": 200, "headers": []}
STARTED: Message = {"type": "lifespan.startup.complete"}
STOPPED: Message = {"type": "lifespan.shutdown.complete"}


class App:
    """Answers the lifespan with what it was given; an exception among it is raised."""

    def __init__(self, *answers: Message | Exception) -> None:
        self.answers = answers
        self.seen: list[Any] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append(scope["type"])
        if scope["type"] == "http":
            self.seen.append(scope.get("state"))
            await send(START)
            await send({"type": "http.response.body"})
            return
        scope["state"]["shared"] = "nested"
        for answer in self.answers:
            if isinstance(answer, Exception):
                raise answer
            if not answer["type"].endswith("failed"):
                self.seen.append((await receive())["type"])
            await send(answer)


def served(app: App, **fields: Any) -> list[str]:
    async def main() -> list[str]:
        async with Server(app, behaviour=Behaviour(**fields)) as server:
            await server.request("GET", "/")
        return server.notes

    return run(main())


def test_the_app_starts_up_before_its_first_request_and_shuts_down_after_its_last() -> None:
    app = App(STARTED, STOPPED)
    assert served(app) == []
    state = {"shared": "nested"}
    assert app.seen == ["lifespan", "lifespan.startup", "http", state, "lifespan.shutdown"]


def test_every_request_has_its_own_copy_of_the_state() -> None:
    app = App(STARTED, STOPPED)

    async def main() -> dict[str, Any]:
        async with Server(app) as server:
            await server.request("GET", "/")
            app.seen[-1]["own"] = True
            await server.request("GET", "/")
            return server.state

    assert run(main()) == app.seen[5] == {"shared": "nested"}


@pytest.mark.parametrize("answers", [[], [ValueError("what is that?")]])
def test_an_app_without_a_lifespan_is_served_all_the_same(answers: list[Exception]) -> None:
    [note] = served(App(*answers))
    assert note.startswith("no lifespan: ")


def test_a_host_may_have_no_lifespan_and_no_state() -> None:
    app = App(ValueError())
    assert served(app, lifespan=False) == []
    assert app.seen == ["http", None]


@pytest.mark.parametrize("then", [[], [OSError("no database")]])
def test_a_failure_to_start_up_is_raised(then: list[Exception]) -> None:
    app = App({"type": "lifespan.startup.failed", "message": "no database"}, *then)
    with pytest.raises(LifespanFailed, match="no database") as raised:
        served(app)
    assert [raised.value.__cause__] == (then or [None])
    assert app.seen == ["lifespan"]


def test_a_failure_to_shut_down_is_raised() -> None:
    app = App(STARTED, {"type": "lifespan.shutdown.failed"})
    with pytest.raises(LifespanFailed):
        served(app)


def test_what_is_raised_at_the_shutdown_is_raised() -> None:
    with pytest.raises(LookupError):
        served(App(STARTED, LookupError()))
    with pytest.raises(LookupError):
        served(App(STARTED, STOPPED, LookupError()))


def test_to_return_between_startup_and_shutdown_is_a_violation() -> None:
    with pytest.raises(ProtocolViolation, match=r"returned after lifespan.startup.complete"):
        served(App(STARTED))


def test_a_startup_that_is_never_answered_is_a_deadlock() -> None:
    class Silent(App):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await receive()

    with pytest.raises(Deadlock, match=r"app lifespan: .*Silent"):
        served(Silent())


def test_to_go_on_after_the_shutdown_is_a_leak() -> None:
    class Loop(App):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await super().__call__(scope, receive, send)
            while scope["type"] == "lifespan":
                await asyncio.sleep(1)

    with pytest.raises(Leak, match=r"app lifespan: .*Loop"):
        served(Loop(STARTED, STOPPED))
