"""A primary and a standby, both real, and a gateway before them."""
import contextlib
from collections.abc import Iterator
from pathlib import Path

from harness.asking import QUESTIONS, straight_answer
from harness.holdfast import Gateway, Key
from harness.upstreams import Upstream, llama_cpp_server, xllamacpp_server

SERVERS = {
    "llama_cpp": lambda work, model, name: llama_cpp_server(work, model, name, flash_attention=True),
    "xllamacpp": xllamacpp_server,
}


@contextlib.contextmanager
def started(*upstreams: Upstream) -> Iterator[None]:
    """Frozen ones are ended too."""
    try:
        for upstream in upstreams:
            upstream.start()
        for upstream in upstreams:
            upstream.wait_until_ready()
        yield
    finally:
        for upstream in upstreams:
            upstream.child.stop()


@contextlib.contextmanager
def serving(name: str, work: Path, key: Key, providers: dict[str, tuple[str, str]],
            routes: dict[str, dict]) -> Iterator[Gateway]:
    """A gateway on `providers`: for each id its base URL and its key."""
    variables = {provider: f"{provider.upper().replace('-', '_')}_KEY" for provider in providers}
    document = {
        "providers": {
            provider: {"dialect": "openai", "base_url": url, "network": "private", "owned": True,
                       "api_key": f"${{{variables[provider]}}}"}
            for provider, (url, _) in providers.items()
        },
        "routes": routes,
        "workloads": {key.workload: {"criticality": "critical"}},
        "keys": [key.document()],
    }
    environment = {variables[provider]: secret for provider, (_, secret) in providers.items()}
    gateway = Gateway(name, document, work, environment)
    gateway.start()
    try:
        yield gateway
    except BaseException:
        if gateway.child.is_running:
            print("state of the gateway:", gateway.state(), gateway.child.log_tail(), sep="\n")
        raise
    finally:
        gateway.stop()


def common_answers(servers: list[Upstream], max_tokens: int) -> dict[str, str]:
    """What all of them say to each question; fails where they do not say the same."""
    answers = {}
    for question in QUESTIONS:
        said = {straight_answer(server.client(), question, max_tokens) for server in servers}
        assert len(said) == 1, f"the servers differ on {question!r}: {said}"
        answers[question] = said.pop()
    assert len(set(answers.values())) > len(QUESTIONS) // 2, "the answers differ, or a mix-up could not be seen"
    return answers
