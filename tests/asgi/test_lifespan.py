"""The lifespan: both messages are answered, whatever the hooks do."""

import asyncio
import logging

import pytest

from asgi_agent.asgi import lifespan
from asgi_agent.asgi.types import Message
from asgi_agent.testing import run, settle
from tests.asgi.fake_hosts import Host

STARTUP: Message = {"type": "lifespan.startup"}
SHUTDOWN: Message = {"type": "lifespan.shutdown"}


def test_both_messages_are_answered_and_only_then_does_it_return() -> None:
    async def main() -> None:
        host = Host(STARTUP)
        task = asyncio.create_task(lifespan(host.receive, host.send))
        await settle()
        assert host.kinds == ["lifespan.startup.complete"]
        assert not task.done()
        task.cancel()
        host = Host(STARTUP, SHUTDOWN)
        await lifespan(host.receive, host.send)
        assert host.kinds == ["lifespan.startup.complete", "lifespan.shutdown.complete"]

    run(main())


def test_each_hook_runs_before_its_answer() -> None:
    host = Host(STARTUP, SHUTDOWN)

    async def startup() -> None:
        await host.send({"type": "startup hook"})

    async def shutdown() -> None:
        await host.send({"type": "shutdown hook"})

    run(lifespan(host.receive, host.send, startup=startup, shutdown=shutdown))
    assert host.kinds == [
        "startup hook",
        "lifespan.startup.complete",
        "shutdown hook",
        "lifespan.shutdown.complete",
    ]


def test_a_message_that_it_does_not_know_is_ignored() -> None:
    host = Host(STARTUP, {"type": "lifespan.reload"}, SHUTDOWN)
    run(lifespan(host.receive, host.send))
    assert host.kinds == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_a_failed_startup_is_told_without_its_reason_and_the_log_has_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    host = Host(STARTUP, SHUTDOWN)
    shut_down: list[str] = []

    async def startup() -> None:
        raise RuntimeError("password=hunter2")

    async def shutdown() -> None:
        shut_down.append("what was never started")

    with caplog.at_level(logging.ERROR, "asgi_agent"):
        run(lifespan(host.receive, host.send, startup=startup, shutdown=shutdown))
    assert host.kinds == ["lifespan.startup.failed", "lifespan.shutdown.complete"]
    assert host.sent[0]["message"] == "lifespan.startup failed; the log says why"
    assert "hunter2" in caplog.text
    assert not shut_down


def test_a_failed_shutdown_is_told_too(caplog: pytest.LogCaptureFixture) -> None:
    host = Host(STARTUP, SHUTDOWN)

    async def shutdown() -> None:
        raise RuntimeError("password=hunter2")

    run(lifespan(host.receive, host.send, shutdown=shutdown))
    assert host.kinds == ["lifespan.startup.complete", "lifespan.shutdown.failed"]
    assert "hunter2" not in str(host.sent)
    assert "hunter2" in caplog.text


def test_a_cancellation_passes_through() -> None:
    async def main() -> None:
        host = Host(STARTUP)

        async def startup() -> None:
            await asyncio.sleep(60)

        task = asyncio.create_task(lifespan(host.receive, host.send, startup=startup))
        await settle()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert not host.sent

    run(main())
