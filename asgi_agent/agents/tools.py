"""Tools that need no key and no network, as an agent or a model calls them: by name, with JSON."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, TypeGuard, cast

from ..errors import UsageError
from ..events import ToolExec, ToolResult
from .calculator import as_text, calculate
from .search import Documentation, documentation

LONGEST_QUERY = 1000  # characters


@dataclass(frozen=True, slots=True)
class Tool:
    """What may be called, and what one must know to call it. Every argument is a string."""

    name: str
    description: str
    arguments: Mapping[str, str]  # each one's name, and what it is
    run: Callable[..., Awaitable[Any]]

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the arguments."""
        return {
            "type": "object",
            "properties": {
                name: {"type": "string", "description": description}
                for name, description in self.arguments.items()
            },
            "required": list(self.arguments),
            "additionalProperties": False,
        }


async def call(said: ToolExec) -> ToolResult:
    """Run the tool as it was said. What it refuses is a result too: the agent goes on with it."""
    try:
        return ToolResult(said.id, said.name, await _run(said.name, said.args))
    except UsageError as error:
        return ToolResult(said.id, said.name, str(error), is_error=True)


async def _run(name: str, args: Any) -> Any:
    if name not in TOOLS:
        raise UsageError(f"there is no tool {name!r}; there are {', '.join(TOOLS)}")
    tool = TOOLS[name]
    if not _are_strings(args) or args.keys() != tool.arguments.keys():
        raise UsageError(f"{name} takes these strings: {', '.join(tool.arguments) or 'none'}")
    return await tool.run(**args)


def _are_strings(args: Any) -> TypeGuard[dict[str, str]]:
    return isinstance(args, dict) and all(
        isinstance(value, str) for value in cast("dict[object, object]", args).values()
    )


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as its kind's base unit has it: base = (value + offset) * factor."""

    kind: str
    factor: Fraction
    offset: Fraction


_UNITS = """
    length       0.001         mm millimetre millimeter
    length       0.01          cm centimetre centimeter
    length       1             m metre meter
    length       1000          km kilometre kilometer
    length       0.0254        in inch inches
    length       0.3048        ft foot feet
    length       0.9144        yd yard
    length       1609.344      mi mile
    mass         0.001         g gram gramme
    mass         1             kg kilogram kilo
    mass         0.45359237    lb pound
    mass         0.028349523125  oz ounce
    volume       0.001         ml millilitre milliliter
    volume       1             l litre liter
    volume       3.785411784   gal gallon
    time         1             s second sec
    time         60            min minute
    time         3600          h hour
    time         86400         d day
    temperature  1             K kelvin
    temperature  1    273.15   °C celsius c
    temperature  5/9  459.67   °F fahrenheit f
"""


def _read_units(table: str) -> tuple[dict[str, str], dict[str, Unit]]:
    names, units = dict[str, str](), dict[str, Unit]()
    row = re.compile(r"(\w+) +([\d./]+) +([\d.]*) *(\S+)(.*)")
    for kind, factor, offset, name, others in row.findall(table):
        units[name] = Unit(kind, Fraction(factor), Fraction(offset or 0))
        names |= {each.lower(): name for each in (name, *others.split())}
    return names, units


_NAMES, UNITS = _read_units(_UNITS)
_QUANTITY = re.compile(r"([+-]?\d{1,15}(?:\.\d{1,20})?) ?([^\W\d_]+|°\w)")


def unit_named(name: str) -> str:
    """The symbol of the unit that is called so; `UsageError` if none is.

    >>> unit_named("Miles")
    'mi'
    """
    lowered = name.strip().lower()
    symbol = _NAMES.get(lowered) or _NAMES.get(lowered.removesuffix("s"))
    if symbol is None:
        raise UsageError(f"I know no unit {name!r}; I know {', '.join(UNITS)}")
    return symbol


def units_like(name: str) -> list[str]:
    """The symbols of the units that a quantity in this unit can be converted to."""
    symbol = unit_named(name)
    kind = UNITS[symbol].kind
    return [other for other, unit in UNITS.items() if unit.kind == kind and other != symbol]


async def _calculator(expression: str) -> str:
    return calculate(expression)


async def _clock() -> str:
    return datetime.now(UTC).astimezone().isoformat(timespec="seconds")


async def _convert(quantity: str, to: str) -> str:
    if not (match := _QUANTITY.fullmatch(quantity.strip())):
        raise UsageError(f"a quantity is a number and a unit, as 10 km: {quantity!r}")
    value, symbol, target = Fraction(match[1]), unit_named(match[2]), unit_named(to)
    old, new = UNITS[symbol], UNITS[target]
    if old.kind != new.kind:
        raise UsageError(f"{symbol} is a unit of {old.kind}, but {target} is one of {new.kind}")
    return f"{as_text((value + old.offset) * old.factor / new.factor - new.offset)} {target}"


async def _documentation(query: str) -> list[dict[str, str]]:
    return [asdict(passage) for passage in await _PACKAGE.search(query[:LONGEST_QUERY])]


_PACKAGE = Documentation(documentation())

TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool(
            "calculator",
            "Compute the value of an arithmetic expression, exactly where that is possible.",
            {"expression": "Numbers, + - * / // % **, parentheses, and functions such as sqrt."},
            _calculator,
        ),
        Tool("clock", "The date and time of the server, in ISO 8601.", {}, _clock),
        Tool(
            "convert",
            "Convert a quantity to another unit of length, mass, volume, time or temperature.",
            {"quantity": "A number and its unit, as 10 km.", "to": "The other unit, as mi."},
            _convert,
        ),
        Tool(
            "documentation",
            "Search the documentation of the server you are running on, the package asgi_agent.",
            {"query": "A few words of what is sought."},
            _documentation,
        ),
    )
}
