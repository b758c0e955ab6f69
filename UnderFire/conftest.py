"""Leaves nothing behind: every process, namespace and mount is made by a fixture that takes it away again."""
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# The same children, ports and waits as the conformance tests have.
sys.path[:0] = [str(HERE), str(HERE.parent / "Conformance")]

pytest.register_assert_rewrite("fire.ledger", "fire.people", "fire.plane")

from fire import figures, settings  # noqa: E402
from harness.holdfast import Practice  # noqa: E402


def pytest_configure(config):
    # Both signals unwind the fixtures, which stop what they started; a background job starts with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter):
    terminalreporter.section("figures")
    for line in figures.lines():
        terminalreporter.write_line(line)
    path = Path(os.environ["UNDERFIRE_WORK"]) / "figures.json"
    figures.write(path)
    terminalreporter.write_line(f"in {path}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for value in item.funcargs.values():
            for served in value if isinstance(value, (list, tuple)) else [value]:
                child = getattr(served, "child", None)
                if child is not None:
                    report.sections.append((f"log of {child.name}", child.log_tail()))
    return report


@pytest.fixture(scope="module")
def work(request) -> Path:
    """Logs and data of one file's tests; kept until they run again."""
    path = Path(os.environ["UNDERFIRE_WORK"]) / request.module.__name__.removeprefix("test_")
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """Compiles a preload library of one C file; returns its path."""
    folder = tmp_path_factory.mktemp("preload")

    def compile(source: Path) -> Path:
        library = folder / f"{source.stem}.so"
        if not library.exists():
            subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        return library

    return compile


@pytest.fixture(scope="session")
def clkshim(compiled) -> Path:
    return compiled(settings.tool("clkshim.c"))


@pytest.fixture(scope="session")
def stepshim(compiled) -> Path:
    return compiled(HERE / "tools" / "stepshim.c")


@pytest.fixture(scope="module")
def providers(work):
    """Two that answer at once."""
    made = {name: Practice(name, work, ["--first-token", "0ms", "--token-gap", "0ms"]) for name in ("primary", "second")}
    try:
        for provider in made.values():
            provider.start()
        yield made
    finally:
        for provider in made.values():
            provider.child.stop()
