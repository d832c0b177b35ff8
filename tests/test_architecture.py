"""The floors of ARCHITECTURE.md, kept: who may import whom, and when.

The imports are read from the source, those inside functions too. Only the last test loads
something, to see what comes with it.
"""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LONGEST_FILE = 400

FLOORS = (  # a room is a module, or a package, right below asgi_agent
    {"errors"},  # the ground: everybody knows it, it knows nobody
    {"config", "events", "inputs", "stepper"},
    {"agents", "logs", "sse"},
    {"asgi", "dialects", "runs"},
    {"middleware", "sessions", "testing"},
    {"endpoints", "playground"},
    {"app"},
    {"command"},
    {"__init__", "__main__", "compat"},
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

GROUND = {"base", "exchange", "parts", "encoder"}  # what all dialects stand on
PARTS_OF = {  # the further files of a dialect
    "a2a_task": "a2a",
    "ag_ui_run": "ag_ui",
    "ai_sdk_stream": "ai_sdk",
    "openai_completion": "openai_chat",
    "openjarvis": "openai_chat",
    "openai_responses_stream": "openai_responses",
}

STDLIB = sys.stdlib_module_names
STDLIB_ROOMS = {"asgi", "errors", "sse", "stepper"}  # they work where nothing else is installed
ALWAYS = {"pydantic", "pydantic_core"}  # installed with us
EXTRAS = {  # installed by who wants them
    *("h11", "httpx", "hypercorn", "hypothesis", "pytest", "redis", "uvicorn", "wsproto"),
    *("langgraph", "llamabot", "openai", "pydantic_ai", "starlette"),
}


@dataclass(frozen=True, slots=True)
class Import:
    """One module that another one imports."""

    importer: str
    line: int
    imported: str
    function: str | None = None  # it waits there for a call
    relative: bool = False

    def __str__(self) -> str:
        return f"{self.importer}, line {self.line}: imports {self.imported}"

    @property
    def package(self) -> str:
        return self.imported.partition(".")[0]


class Tree:
    """The modules of a package, and all that they import."""

    def __init__(self, package: Path) -> None:
        self.paths = {name_of(path, package): path for path in sorted(package.rglob("*.py"))}
        self.parsed = {name: ast.parse(path.read_bytes()) for name, path in self.paths.items()}
        self.imports = [each for name in self.paths for each in self._imports_of(name)]
        self.own = [each for each in self.imports if each.package == package.name]
        self.foreign = [each for each in self.imports if each.package != package.name]

    def _imports_of(self, importer: str) -> Iterator[Import]:
        waiting: list[tuple[ast.AST, str | None]] = [(self.parsed[importer], None)]
        while waiting:
            node, function = waiting.pop()
            match node:
                case ast.Import(names=aliases, lineno=line):
                    for alias in aliases:
                        yield Import(importer, line, alias.name, function)
                case ast.ImportFrom(names=aliases, lineno=line):
                    for module in self._modules(importer, node):
                        yield Import(importer, line, module, function, relative=node.level > 0)
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    function = name
            waiting += ((child, function) for child in ast.iter_child_nodes(node))

    def _modules(self, importer: str, node: ast.ImportFrom) -> set[str]:
        """What `from node.module import node.names` reads: a module, or modules of a package."""
        base = node.module or ""
        if node.level:
            # One dot is the importer's package. An `__init__.py` is its package itself.
            up = node.level - (self.paths[importer].name == "__init__.py")
            parts = importer.split(".")
            base = ".".join([*parts[: len(parts) - up], *filter(None, [node.module])])
        names = (f"{base}.{alias.name}" for alias in node.names)
        return {name if name in self.paths else base for name in names}


def name_of(path: Path, package: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


LIBRARY = Tree(ROOT / "asgi_agent")
SUITE = Tree(ROOT / "conformance" / "sse_conformance")
BOTH = pytest.mark.parametrize("tree", [LIBRARY, SUITE], ids=["library", "suite"])

# The modules that cannot be loaded without an extra: only a module that needs it too may import
# them at its top.
NEEDS_AN_EXTRA = {
    each.importer for each in LIBRARY.foreign if each.package in EXTRAS if each.function is None
}


def none_of(imports: Iterable[Import]) -> None:
    found = "\n".join(map(str, imports))
    assert not found, found


def test_every_room_has_a_floor() -> None:
    assert {room(name) for name in LIBRARY.paths} <= set(FLOOR)


def test_a_room_imports_only_from_the_floors_below() -> None:
    between = [each for each in LIBRARY.own if room(each.importer) != room(each.imported)]
    none_of(e for e in between if FLOOR[room(e.importer)] <= FLOOR[room(e.imported)])


def test_no_dialect_imports_another() -> None:
    between = [e for e in LIBRARY.own if room(e.importer) == room(e.imported) == "dialects"]
    none_of(e for e in between if not may_speak_of(e.importer, e.imported))


def may_speak_of(importer: str, imported: str) -> bool:
    own, other = (name.rpartition(".")[2] for name in (importer, imported))
    return other in GROUND or PARTS_OF.get(own, own) == PARTS_OF.get(other, other)


@BOTH
def test_no_modules_import_each_other(tree: Tree) -> None:
    graph: dict[str, set[str]] = {}
    for each in tree.own:
        graph.setdefault(each.importer, set()).add(each.imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" is imported by ".join(error.args[1]))


@BOTH
def test_inside_a_package_imports_are_relative(tree: Tree) -> None:
    none_of(each for each in tree.own if not each.relative)


@BOTH
def test_an_import_waits_inside_a_function_only_for_a_reason(tree: Tree) -> None:
    none_of(each for each in tree.imports if each.function and not may_wait(each))


def may_wait(each: Import) -> bool:
    match each:
        case Import(importer="asgi_agent", function="__getattr__"):
            return True  # PEP 562: the face loads a name when it is asked for, not before
        case Import(package=package) if package in EXTRAS:
            return True  # it may be missing, and only who uses it shall notice
        case _:
            return each.imported in NEEDS_AN_EXTRA  # the same, by way of one of our modules


def test_what_needs_an_extra_is_imported_late() -> None:
    early = [each for each in LIBRARY.own if each.function is None]
    none_of(e for e in early if e.imported in NEEDS_AN_EXTRA and e.importer not in NEEDS_AN_EXTRA)


@BOTH
def test_what_is_imported_comes_with_python_with_us_or_with_an_extra(tree: Tree) -> None:
    none_of(each for each in tree.foreign if each.package not in STDLIB | ALWAYS | EXTRAS)


def test_the_protocol_rooms_import_the_standard_library_only() -> None:
    own = [each for each in LIBRARY.own if room(each.importer) in STDLIB_ROOMS]
    none_of(each for each in own if room(each.imported) not in STDLIB_ROOMS)
    foreign = [each for each in LIBRARY.foreign if room(each.importer) in STDLIB_ROOMS]
    none_of(each for each in foreign if each.package not in STDLIB)


def test_the_suite_never_imports_the_library() -> None:
    none_of(each for each in SUITE.imports if each.package == "asgi_agent")


@BOTH
def test_nothing_is_hidden_under_type_checking(tree: Tree) -> None:
    names = {
        (module, node.id if isinstance(node, ast.Name) else node.attr)
        for module, parsed in tree.parsed.items()
        for node in ast.walk(parsed)
        if isinstance(node, ast.Name | ast.Attribute)
    }
    assert [module for module, name in names if name == "TYPE_CHECKING"] == []


@BOTH
def test_no_file_is_too_long_to_be_read_in_one_go(tree: Tree) -> None:
    lines = {name: path.read_bytes().count(b"\n") for name, path in tree.paths.items()}
    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}


def test_the_protocol_rooms_load_the_standard_library_only() -> None:
    script = (
        "import sys; before = set(sys.modules)\n"
        f"import {', '.join(f'asgi_agent.{name}' for name in sorted(STDLIB_ROOMS))}\n"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    command = [sys.executable, "-c", script]
    loaded = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(loaded.split()) - STDLIB == {"asgi_agent"}
