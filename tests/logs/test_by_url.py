"""One URL names one log."""

import asyncio
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from asgi_agent.errors import UsageError
from asgi_agent.logs import MemoryLog, SQLiteLog, open_log


def settings(url: str) -> Any:
    log = open_log(url, keep_bytes=5, retain=6.0)
    assert isinstance(log, SQLiteLog)
    return log._settings


def test_memory_is_a_log_of_this_process() -> None:
    log = open_log("memory:", keep_bytes=5)
    assert isinstance(log, MemoryLog)
    assert not log.is_shared
    asyncio.run(log.close())


def test_three_slashes_begin_a_path_from_here_and_four_one_from_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings("sqlite:///x.db").path == str(tmp_path / "x.db")
    assert settings("sqlite:///a/x%20y.db").path == str(tmp_path / "a" / "x y.db")
    assert settings("sqlite:////var/x.db").path == "/var/x.db"
    assert (settings("sqlite:///x").keep_bytes, settings("sqlite:///x").retain) == (5, 6.0)


def test_a_log_of_a_file_may_be_more_synchronous() -> None:
    assert settings("sqlite:///x.db").synchronous == "NORMAL"
    assert settings("sqlite:///x.db?synchronous=full").synchronous == "FULL"
    assert settings("SQLITE:///x.db?synchronous=Normal").synchronous == "NORMAL"


@pytest.mark.parametrize(
    "url",
    [
        *("", "x.db", "/x.db", "memory", "memory://", "memory:x", "postgres://secret@host/db"),
        *("sqlite:", "sqlite://", "sqlite:///", "sqlite:x.db", "sqlite://x.db", "sqlite:///x#y"),
        *("sqlite:///x?synchronous=off", "sqlite:///x?synchronous=", "sqlite:///x?mode=ro"),
        *("sqlite:///%00", "redis://[secret", "http://secret"),
    ],
)
def test_any_other_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        open_log(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("scheme", ["redis", "rediss", "unix"])
def test_a_log_in_redis_takes_an_extra(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    missing: Any = None  # as `import` takes it
    monkeypatch.setitem(sys.modules, "asgi_agent.logs.redis", missing)
    with pytest.raises(UsageError, match=r"pip install 'asgi_agent\[redis\]'"):
        open_log(f"{scheme}://host")


def test_a_log_in_redis_is_made_by_its_own_module(monkeypatch: pytest.MonkeyPatch) -> None:
    class RedisLog(MemoryLog):
        @classmethod
        def from_url(cls, url: str, *, keep_bytes: int, retain: float) -> "RedisLog":
            assert (url, keep_bytes, retain) == ("redis://host/1", 5, 6.0)
            return cls()

    module: Any = ModuleType("asgi_agent.logs.redis")
    module.RedisLog = RedisLog
    monkeypatch.setitem(sys.modules, "asgi_agent.logs.redis", module)
    assert isinstance(open_log("redis://host/1", keep_bytes=5, retain=6.0), RedisLog)
