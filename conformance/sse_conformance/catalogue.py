"""The requirements: the only place where ids, levels, clauses and explanations are written.

Each group of them is a file in `requirements/`. `sets/` has the ids that a release has frozen: what
is newer is told, and makes nobody's build fail before the next set.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal, TypeAlias

from pydantic import TypeAdapter

from . import REQUIREMENT_SET

Mode: TypeAlias = Literal["check", "emit", "asgi", "ws", "client"]
Level: TypeAlias = Literal["MUST", "SHOULD", "MAY"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One thing that an event stream, its server or its reader has to do."""

    id: str  # as FRM-08; it is never given to anything else
    group: str
    level: Level
    basis: Literal["specification", "practice"]
    layer: Literal["application", "host"] = "application"  # whose doing it is
    tier: int
    modes: tuple[Mode, ...]
    title: str  # one line
    clause: str  # the specification and its section; or what the practice rests on
    url: str = ""
    requires: tuple[str, ...] = ()  # what must hold for this to be judged at all
    capability: str = ""  # a practice is required of those only who claim this
    explain: str  # why it matters, what is seen where it does not hold, and how to mend it


_REQUIREMENT = TypeAdapter(Requirement)


@cache
def frozen() -> frozenset[str]:
    """The ids of the current set."""
    file = _files().joinpath("sets", f"{REQUIREMENT_SET}.json")
    ids: list[str] = json.loads(file.read_text(encoding="utf-8"))
    return frozenset(ids)


def _files() -> Traversable:
    return files(__name__.rpartition(".")[0])


@cache
def catalogue() -> Mapping[str, Requirement]:
    """All requirements by their ids; each comes after what it requires."""
    found: dict[str, Requirement] = {}
    directory = _files().joinpath("requirements")
    tables = [each for each in directory.iterdir() if each.name.endswith(".toml")]
    for file in sorted(tables, key=lambda each: each.name):
        group = file.name.removesuffix(".toml")
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        for identifier, fields in table.items():
            values = {"id": identifier, "group": group, **fields}
            found[identifier] = _REQUIREMENT.validate_python(values)
    graph = {each.id: each.requires for each in found.values()}
    order = TopologicalSorter(graph).static_order()  # raises CycleError
    return {identifier: found[identifier] for identifier in order}
