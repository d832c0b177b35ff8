"""The settings: each is checked when it is made, so that no wrong one is found out at night."""

import dataclasses
import math
from typing import Any

import pytest

from asgi_agent import ServerConfig
from asgi_agent.errors import UsageError

MORE_THAN_ZERO = [
    *("session_timeout_seconds", "max_concurrent_sessions", "max_idle_sessions"),
    *("max_run_seconds", "heartbeat_seconds", "ping_seconds", "max_body_bytes"),
    *("max_message_bytes", "lead_bytes", "keep_bytes", "max_run_bytes", "patience", "max_streams"),
]
NOT_LESS_THAN_ZERO = ["drain_seconds", "retry_ms"]


def config(**settings: Any) -> ServerConfig:
    return ServerConfig(**settings)


def test_the_defaults_are_those_of_the_specification() -> None:
    default = ServerConfig()
    assert default.heartbeat_seconds == 4.0  # the clients that give up at 5 never do
    assert default.on_disconnect == "continue"
    assert (default.lead_bytes, default.keep_bytes, default.patience) == (1 << 20, 8 << 20, 30.0)
    assert (default.max_concurrent_sessions, default.max_idle_sessions) == (100, 10_000)
    assert default.max_run_bytes is None
    assert default.session_timeout_seconds == 3600


@pytest.mark.parametrize("name", MORE_THAN_ZERO)
@pytest.mark.parametrize("value", [0, -1, -0.5, math.nan])
def test_what_bounds_something_is_more_than_zero(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"{name} is more than 0: {value}"):
        config(**{name: value})


@pytest.mark.parametrize("name", NOT_LESS_THAN_ZERO)
@pytest.mark.parametrize("value", [-1, math.nan])
def test_what_may_be_zero_is_not_less(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"{name} is not less than 0: {value}"):
        config(**{name: value})
    assert getattr(config(**{name: 0}), name) == 0


@pytest.mark.parametrize("name", ["max_run_seconds", "max_run_bytes", "max_streams", "retry_ms"])
def test_a_bound_may_be_off(name: str) -> None:
    assert getattr(config(**{name: None}), name) is None


def test_the_numbers_that_are_checked_are_all_that_there_are() -> None:
    numbers = {
        field.name
        for field in dataclasses.fields(ServerConfig)
        if any(kind in str(field.type) for kind in ("int", "float"))
    }
    assert numbers - {"port", "on_disconnect"} == {*MORE_THAN_ZERO, *NOT_LESS_THAN_ZERO}


@pytest.mark.parametrize("policy", ["continue", "cancel", 0, 0.5, 30])
def test_a_disconnect_continues_cancels_or_has_some_grace(policy: Any) -> None:
    assert config(on_disconnect=policy).on_disconnect == policy


@pytest.mark.parametrize("policy", ["", "Cancel", "30", -1, -0.1, math.nan])
def test_any_other_policy_for_a_disconnect_is_refused(policy: Any) -> None:
    with pytest.raises(UsageError, match=r"on_disconnect is 'continue', 'cancel' or seconds: "):
        config(on_disconnect=policy)


def test_one_origin_that_is_no_list_is_refused() -> None:
    with pytest.raises(UsageError, match="cors_origins is a list of origins"):
        config(cors_origins="https://example.org")


def test_a_config_cannot_be_changed() -> None:
    changed: Any = ServerConfig()
    with pytest.raises(dataclasses.FrozenInstanceError):
        changed.port = 80


@pytest.mark.parametrize(
    ("session_id", "path"),
    [
        ("a", "/stream/a"),
        ("a/b", "/stream/a%2Fb"),
        ("x?y#z q", "/stream/x%3Fy%23z%20q"),
        ("é\u2028", "/stream/%C3%A9%E2%80%A8"),
        ("%41", "/stream/%2541"),
    ],
)
def test_a_stream_url_is_percent_encoded(session_id: str, path: str) -> None:
    assert ServerConfig().get_stream_url(session_id) == path
