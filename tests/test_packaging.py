import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

from asgi_agent.playground import FILES

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DIST_INFO = f"asgi_agent-{PROJECT['version']}.dist-info"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    (built,) = directory.iterdir()
    return ZipFile(built)


def test_the_wheel_holds_both_packages_and_nothing_else(wheel: ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert tops == {"asgi_agent", "sse_conformance", DIST_INFO}


@pytest.mark.parametrize("package", ["asgi_agent", "conformance/sse_conformance"])
def test_every_file_of_a_package_is_in_the_wheel(wheel: ZipFile, package: str) -> None:
    directory = ROOT / package
    files = {path.relative_to(directory.parent) for path in directory.rglob("*") if path.is_file()}
    ours = {path.as_posix() for path in files if "__pycache__" not in path.parts}
    assert ours <= set(wheel.namelist())
    assert f"{directory.name}/py.typed" in ours


def test_the_page_and_the_javascript_client_are_in_the_wheel(wheel: ZipFile) -> None:
    served = {f"asgi_agent/playground/{name}" for name in ("page.html", *FILES)}
    assert served <= set(wheel.namelist())


def test_pydantic_is_all_that_must_be_installed(wheel: ZipFile) -> None:
    metadata = wheel.read(f"{DIST_INFO}/METADATA").decode()
    required = [line for line in metadata.split("\n") if line.startswith("Requires-Dist:")]
    assert [line for line in required if "extra ==" not in line] == [
        "Requires-Dist: pydantic>=2.12"
    ]


def test_the_commands_are_installed(wheel: ZipFile) -> None:
    scripts = wheel.read(f"{DIST_INFO}/entry_points.txt").decode()
    assert "asgi-agent = asgi_agent.__main__:main" in scripts
    assert "sse-conformance = sse_conformance.__main__:main" in scripts


@pytest.mark.parametrize(
    "name",
    ["requirements/framing.toml", "sets/2026.1.json", "corpus/sse.json", "drivers/page.html"],
)
def test_what_the_suite_reads_is_in_the_wheel(wheel: ZipFile, name: str) -> None:
    assert f"sse_conformance/{name}" in wheel.namelist()
