"""The tools, as an agent or a model calls them."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgi_agent.agents.tools import TOOLS, UNITS, call, unit_named, units_like
from asgi_agent.errors import UsageError
from asgi_agent.events import ToolExec, ToolResult
from asgi_agent.testing import run


def result_of(name: str, args: Any) -> ToolResult:
    return run(call(ToolExec("call_7", name, args)))


def converted(quantity: str, to: str) -> Any:
    return result_of("convert", {"quantity": quantity, "to": to}).result


def test_a_result_belongs_to_its_call() -> None:
    assert result_of("calculator", {"expression": "12 * (3 + 4)"}) == ToolResult(
        "call_7", "calculator", "84"
    )


def test_a_refusal_is_a_result_and_is_marked() -> None:
    assert result_of("calculator", {"expression": "1 / 0"}) == ToolResult(
        "call_7", "calculator", "nothing can be divided by zero", is_error=True
    )


def test_a_tool_that_is_not_there_is_refused_with_the_names_of_those_that_are() -> None:
    result = result_of("weather", {})
    assert result.is_error
    assert result.result == (
        "there is no tool 'weather'; there are calculator, clock, convert, documentation"
    )


@pytest.mark.parametrize(
    "args",
    [None, "1 + 1", [], {}, {"expression": 1}, {"expression": "1", "x": "2"}, {"expr": "1"}],
)
def test_arguments_that_do_not_fit_are_refused_with_those_that_do(args: Any) -> None:
    result = result_of("calculator", args)
    assert result.is_error
    assert result.result == "calculator takes these strings: expression"


def test_a_tool_without_arguments_takes_none() -> None:
    assert result_of("clock", {"zone": "x"}).result == "clock takes these strings: none"


def test_a_schema_describes_all_arguments_and_allows_no_others() -> None:
    assert TOOLS["convert"].schema == {
        "type": "object",
        "properties": {
            "quantity": {"type": "string", "description": "A number and its unit, as 10 km."},
            "to": {"type": "string", "description": "The other unit, as mi."},
        },
        "required": ["quantity", "to"],
        "additionalProperties": False,
    }
    assert list(TOOLS) == [tool.name for tool in TOOLS.values()]
    assert all(tool.description.endswith(".") for tool in TOOLS.values())


def test_the_clock_says_the_time_and_its_zone() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    said = datetime.fromisoformat(result_of("clock", {}).result)
    assert said.tzinfo is not None
    assert before <= said <= before + timedelta(minutes=1)


def test_the_documentation_is_searched() -> None:
    passages = result_of("documentation", {"query": "Okapi BM25 full-text search"}).result
    assert passages[0]["source"] == "asgi_agent.agents.search"
    assert "BM25" in passages[0]["text"]


def test_of_a_long_query_the_beginning_counts() -> None:
    long = "Okapi BM25 " + "penguin" * 1000
    assert result_of("documentation", {"query": f"{'ж ' * 500}Okapi BM25"}).result == []
    assert result_of("documentation", {"query": long[:11] * 90}).result


@pytest.mark.parametrize(
    ("quantity", "to", "result"),
    [
        ("10 km", "mi", "6.21371192237334 mi"),
        ("1 mile", "km", "1.609344 km"),
        ("12 inches", "foot", "1 ft"),
        ("3 feet", "yards", "1 yd"),
        ("-40 °C", "°F", "-40 °F"),
        ("0 K", "celsius", "-273.15 °C"),
        ("212 f", "C", "100 °C"),
        ("1 lb", "kilograms", "0.45359237 kg"),
        ("16 oz", "pounds", "1 lb"),
        ("1 gallon", "litres", "3.785411784 l"),
        ("2.5h", "min", "150 min"),
        ("1 day", "S", "86400 s"),
        ("+1 m", "m", "1 m"),
        (" 5 km ", " m ", "5000 m"),
    ],
)
def test_a_quantity_is_converted(quantity: str, to: str, result: str) -> None:
    assert converted(quantity, to) == result


@given(
    st.fractions(-(10**6), 10**6, max_denominator=1).map(int),
    st.sampled_from([(unit, other) for unit in UNITS for other in units_like(unit)]),
)
@example(0, ("K", "°F"))
@example(-40, ("°F", "°C"))
def test_there_and_back_is_the_same(value: int, units: tuple[str, str]) -> None:
    there, back = units
    quantity = converted(f"{value} {there}", back)
    number, _, _ = quantity.partition(" ")
    if "e" in number:
        return  # rounded, and written as no person writes it
    returned = Fraction(converted(quantity, there).partition(" ")[0])
    assert abs(returned - value) <= Fraction(1, 10**6)


def test_what_is_no_quantity_is_refused() -> None:
    for quantity in ("", "km", "10", "1 0 km", "1e9 km", f"{'9' * 16} km"):
        assert converted(quantity, "mi").startswith("a quantity is a number and a unit")


def test_units_of_different_kinds_are_not_converted() -> None:
    assert converted("10 km", "kg") == "km is a unit of length, but kg is one of mass"


def test_a_unit_that_is_not_known_is_refused_with_those_that_are() -> None:
    assert converted("10 parsecs", "km").startswith("I know no unit 'parsecs'; I know mm, cm, m")
    assert converted("10 km", "").startswith("I know no unit ''")
    with pytest.raises(UsageError, match="I know no unit 'smoot'"):
        units_like("smoot")


def test_a_unit_has_many_names() -> None:
    assert {unit_named(name) for name in ("km", "KM", "Kilometres", "kilometer", " kilos")} == {
        "km",
        "kg",
    }
    assert units_like("hours") == ["s", "min", "d"]
