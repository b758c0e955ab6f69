"""The world that the tests share: two real model servers, a practice provider, and the gateway in front of them."""
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness import tally  # noqa: E402
from harness.holdfast import Gateway, Key, Practice  # noqa: E402
from harness.processes import free_port  # noqa: E402
from harness.upstreams import Upstream, llama_cpp_server, xllamacpp_server  # noqa: E402

ENVIRONMENT = {"LLAMA_KEY": "llama-upstream-key", "SECOND_KEY": "second-upstream-key"}


def pytest_configure(config):
    # Both signals unwind the fixtures, which stop what they started; a background job starts with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for value in item.funcargs.values():
            child = getattr(value, "child", None)
            if child is not None:
                report.sections.append((f"log of {child.name}", child.log_tail()))
            if isinstance(value, Gateway) and value.child.is_running:
                report.sections.append(("state of the gateway", _state_text(value)))
    return report


def pytest_terminal_summary(terminalreporter):
    lines = tally.lines()
    if not lines:
        return
    terminalreporter.section("counts")
    for line in lines:
        terminalreporter.write_line(line)
    tally.write(Path(os.environ["CONFORMANCE_WORK"]) / "counts.json")


def _state_text(gateway: Gateway) -> str:
    try:
        return str(gateway.state())
    except Exception as error:  # A report about a failure must not fail itself.
        return f"not to be had: {error!r}"


@pytest.fixture(scope="session")
def work() -> Path:
    """Logs, configuration and the model of this run; kept until the next one."""
    path = Path(os.environ["CONFORMANCE_WORK"])
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def _model_tool() -> Path:
    return Path(os.environ["HOLDFAST_TOOLS"]) / "tiny_gguf.py"


@pytest.fixture(scope="session")
def model(work) -> Path:
    path = work / "tiny.gguf"
    subprocess.run([sys.executable, str(_model_tool()), str(path)], check=True, stdout=subprocess.DEVNULL)
    return path


@pytest.fixture(scope="session")
def alike_model(work) -> Path:
    """For answers that are to be the same from both servers: `llama_cpp.server` leaves the first token of a prompt to
    the chat template, and llama.cpp's own server adds it where the template does not."""
    return _model_with_first_token(work / "alike.gguf", seed=7)


@pytest.fixture(scope="session")
def other_model(work) -> Path:
    """Says something else."""
    return _model_with_first_token(work / "other.gguf", seed=8)


def _model_with_first_token(path: Path, seed: int) -> Path:
    spec = importlib.util.spec_from_file_location("tiny_gguf", _model_tool())
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    tool.CHAT_TEMPLATE = "{{ bos_token }}" + tool.CHAT_TEMPLATE
    tool.write_model(str(path), seed)
    return path


def _started(upstream: Upstream):
    upstream.start()
    try:
        upstream.wait_until_ready()
        yield upstream
    finally:
        upstream.child.stop()


@pytest.fixture(scope="session")
def llama(work, model):
    yield from _started(llama_cpp_server(work, model))


@pytest.fixture(scope="session")
def second(work, model):
    yield from _started(xllamacpp_server(work, model))


@pytest.fixture(scope="session")
def practice(work):
    provider = Practice("practice", work, ["--first-token", "20ms", "--token-gap", "5ms"])
    provider.start()
    try:
        yield provider
    finally:
        provider.stop()


@pytest.fixture(scope="session")
def key() -> Key:
    return Key("everything", "everything")


@pytest.fixture(scope="session")
def narrow_key() -> Key:
    return Key("narrow", "narrow")


def local(base_url: str, key: str | None = None) -> dict:
    """A provider on this machine."""
    document = {"dialect": "openai", "base_url": base_url, "network": "private", "owned": True}
    return {**document, "api_key": key} if key else document


def shared_document(llama: Upstream, second: Upstream, practice: Practice, keys: list[Key]) -> dict:
    """One route per thing to show. Providers that are expected to fail have ids of their own, so that their breakers
    are not the ones that other tests lean on."""
    refused = f"http://127.0.0.1:{free_port()}/v1"
    return {
        "providers": {
            "llama": local(llama.base_url, "${LLAMA_KEY}"),
            "llama-odd": local(llama.base_url, "${LLAMA_KEY}"),
            "second": local(second.base_url, "${SECOND_KEY}"),
            "wrong-key": local(second.base_url, "not-the-right-key"),
            "practice": local(practice.base_url),
            "gone": local(refused),
            "gone-too": local(refused),
        },
        "routes": {
            "assistant": {"candidates": ["llama/tiny", "second/tiny"]},
            "llama-only": {"candidates": ["llama/tiny"]},
            "second-only": {"candidates": ["second/tiny"]},
            "failing-over": {"candidates": ["gone/tiny", "second/tiny"]},
            "odd-first": {"candidates": ["llama-odd/tiny", "second/tiny"]},
            "all-down": {"candidates": ["gone/tiny", "gone-too/tiny"]},
            "our-key-refused": {"candidates": ["wrong-key/tiny"]},
            "our-key-refused-first": {"candidates": ["wrong-key/tiny", "second/tiny"]},
            "practice": {"candidates": ["practice/practice-large"]},
            "leave-stream": {"candidates": ["practice/practice-leave-stream"]},
            "leave-head": {"candidates": ["practice/practice-fault-silence"]},
            "slow": {"candidates": ["practice/practice-fault-slow_head-10s"]},
            "caller-fault": {"candidates": ["practice/practice-fault-status-400", "second/tiny"]},
        },
        "workloads": {
            "everything": {"criticality": "standard"},
            "narrow": {"criticality": "standard", "routes": ["assistant"]},
        },
        "keys": [key.document() for key in keys],
    }


@pytest.fixture(scope="session")
def gateway(work, llama, second, practice, key, narrow_key):
    document = shared_document(llama, second, practice, [key, narrow_key])
    served = Gateway("gateway", document, work, ENVIRONMENT)
    served.start()
    try:
        yield served
    finally:
        served.stop()


@pytest.fixture(scope="session")
def client(gateway, key):
    return gateway.client(key)


@pytest.fixture(params=["llama", "second"])
def real(request, llama, second) -> Upstream:
    """Each real server in turn; the route `NAME-only` leads to it alone."""
    return {"llama": llama, "second": second}[request.param]
