"""Two real model servers, written by others, on the same tiny model."""
import http.client
import sys
from pathlib import Path

import openai

from harness.processes import Child, free_port

START_BOUND_SECONDS = 60
_SERVERS = Path(__file__).parent.parent / "servers"


class Upstream:
    """A model server with an API key of its own, which no client of the gateway knows."""

    def __init__(self, name: str, port: int, api_key: str, child: Child):
        self.name = name
        self.port = port
        self.api_key = api_key
        self.child = child

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        self.child.start()

    def answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/v1/models", headers={"authorization": f"Bearer {self.api_key}"})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def wait_until_ready(self) -> None:
        self.child.wait_until_ready(self.answers, START_BOUND_SECONDS, f"{self.name} to answer GET /v1/models")

    def client(self) -> openai.OpenAI:
        """Straight to the server, past the gateway: what it says here is what the gateway must hand on."""
        return openai.OpenAI(base_url=self.base_url, api_key=self.api_key, max_retries=0, timeout=30)


def llama_cpp_server(
        work: Path, model: Path, name: str = "llama", flash_attention: bool = False) -> Upstream:
    """llama-cpp-python's server: FastAPI over llama.cpp, one request at a time, the others waiting their turn.

    With flash attention, which llama.cpp's own server uses unasked, both round alike and choose the same words."""
    port = free_port()
    key = "llama-upstream-key"
    command = [
        sys.executable, "-m", "llama_cpp.server", "--model", str(model), "--model_alias", "tiny",
        "--host", "127.0.0.1", "--port", str(port), "--interrupt_requests", "false", "--embedding", "true",
        "--n_threads", "1", "--n_threads_batch", "1", "--verbose", "false", "--api_key", key,
        "--flash_attn", str(flash_attention).lower(),
    ]
    return Upstream(name, port, key, Child(name, command, work))


def xllamacpp_server(work: Path, model: Path, name: str = "second") -> Upstream:
    """llama.cpp's own C++ HTTP server: four requests at a time, another HTTP stack, another wording of answers."""
    port = free_port()
    key = "second-upstream-key"
    command = [sys.executable, str(_SERVERS / "xllamacpp_server.py"), str(model), str(port)]
    return Upstream(name, port, key, Child(name, command, work, {"XLLAMACPP_API_KEY": key}))
