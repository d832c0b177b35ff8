"""The URLs of logs in Redis and Valkey, and nothing in them that we would have to guess."""

import asyncio
import os
from pathlib import Path

import pytest

from asgi_agent.errors import UsageError
from asgi_agent.logs.redis import RedisLog
from tests.logs.valkey import Server


def test_a_url_names_the_database(tmp_path: Path) -> None:
    path = tmp_path / "s"

    async def test(server: Server) -> None:
        for url, database in (
            (f"{server.url}/3", 3),
            (f"{server.url}?db=4", 4),
            (f"unix://{path}?db=5", 5),
        ):
            log = RedisLog.from_url(url)
            await log.create("run")
            await log.close()
            assert server.admin.info("keyspace")[f"db{database}"]["keys"] == 1

    with Server("valkey", "--unixsocket", os.fspath(path)) as server:
        asyncio.run(test(server))


@pytest.mark.parametrize(
    "url",
    [
        "http://:secret@localhost",
        "redis://:secret@localhost/run",
        "redis://:secret@localhost:port",
        "redis://:secret@localhost?db=x",
        "redis://:secret@localhost?decode_responses=yes",
        "redis://:secret@localhost?socket_timeout=1",
        "redis://:secret@localhost?protocol=3",
        "redis://:secret@localhost?retry_on_timeout=yes",
        "redis://:secret@localhost?ssl_cert_reqs=none",
        "rediss://:secret@localhost?ssl_cert_reqs=maybe",
        "unix://:secret@/s?port=1",
    ],
)
def test_a_url_that_is_not_understood_is_refused_at_once(url: str) -> None:
    with pytest.raises(UsageError, match="not the URL of a Redis") as caught:
        RedisLog.from_url(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        "redis://me:secret@[::1]:6380/1",
        "rediss://localhost?ssl_cert_reqs=none&ssl_check_hostname=no",
        "unix:///run/s?db=1",
    ],
)
def test_a_url_that_is_understood_costs_no_connection(url: str) -> None:
    assert RedisLog.from_url(url).is_shared
