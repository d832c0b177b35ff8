"""The settings: each is checked when it is made, so that no wrong one is found out at night."""

import dataclasses
import math
from typing import Any

import pytest

from asgi_agent import ServerConfig
from asgi_agent.errors import UsageError
from asgi_agent.middleware.origin import checked_origins
from asgi_agent.sse import LONGEST_RETRY, Event

MORE_THAN_ZERO = [
    *("session_timeout_seconds", "max_concurrent_sessions", "max_idle_sessions"),
    *("max_run_seconds", "heartbeat_seconds", "ping_seconds", "max_body_bytes"),
    *("max_message_bytes", "lead_bytes", "keep_bytes", "max_run_bytes", "patience", "max_streams"),
    *("max_history_bytes", "lease_seconds"),
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


NUMBERS = [*MORE_THAN_ZERO, *NOT_LESS_THAN_ZERO]
MAY_BE_OFF = ["max_run_seconds", "max_run_bytes", "max_streams", "retry_ms"]
FRACTIONS = ["patience", *(each for each in NUMBERS if each.endswith("_seconds"))]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["10", b"10", True, [], 1j])
def test_what_is_counted_or_measured_is_a_number(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"{name} is a number: "):
        config(**{name: value})


@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_counted_is_whole_and_what_is_measured_need_not_be(name: str) -> None:
    if name in FRACTIONS:
        assert getattr(config(**{name: 1.5}), name) == 1.5
        assert getattr(config(**{name: 2}), name) == 2
    else:
        for value in (1.5, 1.0, math.inf):
            with pytest.raises(UsageError, match=f"{name} is a whole number: {value}"):
                config(**{name: value})


@pytest.mark.parametrize("name", ["patience", "lease_seconds"])
def test_patience_has_an_end(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} is not for ever"):
        config(**{name: math.inf})


def test_a_reconnection_time_is_one_that_an_event_can_carry() -> None:
    assert config(retry_ms=LONGEST_RETRY).retry_ms == LONGEST_RETRY
    assert Event("x", retry=LONGEST_RETRY).encode()
    for value in (LONGEST_RETRY + 1, 2**70):
        with pytest.raises(UsageError, match=f"retry_ms is at most {LONGEST_RETRY}: {value}"):
            config(retry_ms=value)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_bound_may_be_off_and_nothing_else(name: str) -> None:
    if name in MAY_BE_OFF:
        assert getattr(config(**{name: None}), name) is None
    else:
        with pytest.raises(UsageError, match=f"{name} is a number: None"):
            config(**{name: None})


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


@pytest.mark.parametrize("policy", ["", "Cancel", "30", -1, -0.1, math.nan, None, [], True, b"x"])
def test_any_other_policy_for_a_disconnect_is_refused(policy: Any) -> None:
    with pytest.raises(UsageError, match=r"on_disconnect is 'continue', 'cancel' or seconds: "):
        config(on_disconnect=policy)


@pytest.mark.parametrize("origins", ["https://example.org", None, {"*": 1}, [b"*"], ["*", None]])
def test_origins_that_are_no_list_of_text_are_refused(origins: object) -> None:
    with pytest.raises(UsageError, match="cors_origins is a list of origins"):
        config(cors_origins=origins)


@pytest.mark.parametrize(
    "origin",
    [
        *("*", "null", "https://example.org", "http://localhost:3000", "http://[::1]:8000"),
        *("app-x://host", "http://example.org:443", "https://a.b-c_d.example:8443", "ws://x:443"),
        *("", "https://A.com", "HTTPS://a.com", "https://a.com/", "https://a.com/x", "a.com"),
        *("https://a.com:443", "http://a.com:80", "ws://a.com:80", "wss://a.com:443", "https://"),
        *("https://[::1]:443", "https://*.a.com", "https://a b", "https://a.com\n", "*\n", "//a"),
        *("https://a.com:", "https://a:b@c", "http://a.com:080", "x://a.com:80", "Null"),
    ],
)
def test_an_origin_is_one_that_the_middleware_takes(origin: str) -> None:
    try:
        checked_origins([origin])
    except UsageError:
        with pytest.raises(UsageError, match="an origin is a scheme, a host and a port"):
            config(cors_origins=["https://example.org", origin])
    else:
        assert config(cors_origins=[origin]).cors_origins == [origin]


@pytest.mark.parametrize("prefix", [None, "", "/api", "/a/b", "https://example.org", "http://x/a"])
def test_a_prefix_is_a_path_or_a_url(prefix: str | None) -> None:
    assert config(public_prefix=prefix).public_prefix == prefix


@pytest.mark.parametrize("prefix", ["x", "x/y", "/", "/api/", "https://x/", "ftp://x", 5, b"/x"])
def test_a_prefix_that_makes_no_url_of_a_path_is_refused(prefix: object) -> None:
    with pytest.raises(UsageError, match="public_prefix is a path or a URL without a last slash"):
        config(public_prefix=prefix)


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
