"""The proxies, each set up to do the same work: forward OpenAI-dialect requests to one upstream, with two workers where
the proxy has workers. Each function writes its files into `folder` and returns a started `Proxy`."""

import hashlib
import http.client
import json
import shutil
import socket
import sys
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

from .system import BenchmarkError, Service, free_port

WORKERS = 2
MODELS = ("bench-unary", "bench-paced", "bench-burst", "bench-idle")


@dataclass
class Proxy:
    name: str
    port: int
    key: str
    service: Service
    started: float
    # Events of a burst as this proxy delivers it; known once it was verified.
    burst_events: int = 0

    def until_answering(self, seconds=120):
        """Seconds from the start of the process to its first complete answer with status 200."""
        deadline = self.started + seconds
        while time.monotonic() < deadline:
            self.service.check_alive()
            if self.ask_once():
                return time.monotonic() - self.started
            time.sleep(0.001)
        raise BenchmarkError(f"{self.name} gave no answer within {seconds} s; see {self.service.log}")

    def ask_once(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                pass
            return self.ask("bench-unary").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def ask(self, model, stream=False, timeout=30):
        """One exchange, read to its end. The response gains `text`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        body = {"model": model, "messages": [{"role": "user", "content": "Does it hold?"}]}
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        connection.request(
            "POST", "/v1/chat/completions", json.dumps(body),
            {"authorization": f"Bearer {self.key}", "content-type": "application/json"})
        response = connection.getresponse()
        response.text = response.read().decode()
        connection.close()
        return response

    def verify(self, burst_events):
        """What is fast must also be right: one answer of each kind, read as a client reads it."""
        unary = self.ask("bench-unary")
        if unary.status != 200:
            raise BenchmarkError(f"{self.name} answered {unary.status} to a unary request: {unary.text[:300]}")
        answer = json.loads(unary.text)
        if answer["choices"][0]["finish_reason"] != "stop" or answer["usage"]["total_tokens"] != 228:
            raise BenchmarkError(f"{self.name} changed the answer: {unary.text[:300]}")
        stream = self.ask("bench-burst", stream=True)
        events = [
            part.removeprefix("data:").strip() for part in stream.text.split("\n\n") if part.startswith("data:")]
        if stream.status != 200 or not events or events[-1] != "[DONE]":
            raise BenchmarkError(f"{self.name}: a stream (status {stream.status}) without its end: {stream.text[-300:]}")
        chunks = [json.loads(event) for event in events[:-1]]
        tokens = sum(
            1 for chunk in chunks for choice in chunk.get("choices", ()) if choice["delta"].get("content"))
        if tokens != burst_events:
            raise BenchmarkError(f"{self.name} delivered {tokens} of {burst_events} tokens, then {events[-2][:300]}")
        if not any(chunk.get("usage") for chunk in chunks):
            raise BenchmarkError(f"{self.name} lost the usage of a stream")
        self.burst_events = len(events) - 1


def start(name, command, port, key, log, environment=None):
    began = time.monotonic()
    return Proxy(name, port, key, Service(name, command, log, environment), began)


def nginx(folder, upstream):
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(f"""
daemon off;
worker_processes {WORKERS};
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log error;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    keepalive_requests 1000000000;
    tcp_nodelay on;
    upstream provider {{
        server 127.0.0.1:{upstream};
        keepalive 1024;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://provider;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_read_timeout 600s;
        }}
    }}
}}
""")
    return start(
        "nginx", ["nginx", "-e", f"{folder}/nginx-error.log", "-p", str(folder), "-c", str(configuration)], port, "none",
        folder / "nginx.log")


def envoy(folder, upstream):
    port = free_port()
    endpoint = {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": upstream}}}}
    # The default circuit breaker stops at 1024, below what the stream measurements need.
    unbounded = {
        name: 1_000_000 for name in ("max_connections", "max_pending_requests", "max_requests", "max_retries")}
    http_connections = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "stream_idle_timeout": "0s",
        "route_config": {"virtual_hosts": [{
            "name": "all", "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "provider", "timeout": "0s"}}]}]},
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
    }
    configuration = folder / "envoy.json"
    configuration.write_text(json.dumps({"static_resources": {
        "listeners": [{
            "name": "clients",
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
            "filter_chains": [{"filters": [{
                "name": "envoy.filters.network.http_connection_manager", "typed_config": http_connections}]}]}],
        "clusters": [{
            "name": "provider", "type": "STATIC", "connect_timeout": "1s",
            "circuit_breakers": {"thresholds": [unbounded]},
            "load_assignment": {"cluster_name": "provider", "endpoints": [{"lb_endpoints": [endpoint]}]}}],
    }}, indent=1))
    command = [
        str(Path(sys.prefix) / "bin/envoy"), "-c", str(configuration), "--concurrency", str(WORKERS),
        "--log-level", "error", "--use-dynamic-base-id"]
    return start("envoy", command, port, "none", folder / "envoy.log")


def litellm(folder, upstream):
    port = free_port()
    configuration = folder / "litellm.json"
    configuration.write_text(json.dumps({
        "model_list": [
            {"model_name": model, "litellm_params": {
                "model": f"openai/{model}", "api_base": f"http://127.0.0.1:{upstream}/v1", "api_key": "sk-bench"}}
            for model in MODELS],
        "litellm_settings": {"num_retries": 0, "request_timeout": 600, "telemetry": False},
        "general_settings": {"master_key": "sk-bench-master"},
    }))
    environment = {
        "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False",
        "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
    }
    command = [
        str(Path(sys.prefix) / "bin/litellm"), "--config", str(configuration), "--host", "127.0.0.1",
        "--port", str(port), "--num_workers", "1"]
    return start("litellm", command, port, "sk-bench-master", folder / "litellm.log", environment)


def client_key(identity, number=0):
    """A key as `holdfast keys create` makes it. It guards nothing, so it needs no secret randomness."""
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

    def base62(value, digits):
        text = ""
        for _ in range(digits):
            value, digit = divmod(value, 62)
            text = alphabet[digit] + text
        return text

    clear = f"hf_client_{identity}_" + base62(7919 * (number + 1), 32)
    return clear + base62(zlib.crc32(clear.encode()), 6)


@dataclass
class Shape:
    """How large the configuration is, and what its first candidates are worth."""
    candidates: int = 2
    keys: int = 10
    routes: int = 0
    refused_routes: int = 0
    secondary: int | None = None


def holdfast_configuration(folder, upstream, port, shape, control, collector):
    secondary = shape.secondary or upstream
    closed = free_port()
    lines = [
        "version: 1",
        "gateway:",
        f"  listen: 127.0.0.1:{port}",
        f"  operations: 127.0.0.1:{free_port()}",
        f"  event_loops: {WORKERS}",
        f"  access_log: {folder}/access.log",
        "control:",
        f"  listen: 127.0.0.1:{control}",
        "telemetry:",
        f"  endpoint: http://127.0.0.1:{collector}",
        "providers:",
    ]
    for name, at in (("primary", upstream), ("secondary", secondary), ("refused", closed)):
        lines.append(
            f"  {name}: {{dialect: openai, base_url: 'http://127.0.0.1:{at}/v1', api_key: sk-bench, network: private}}")
    lines.append("routes:")
    long = "timeouts: {first_byte: 10m, first_token: 10m, idle: 10m, response: 10m, total: 1h}"
    for model in MODELS:
        candidates = [f"primary/{model}", f"secondary/{model}"]
        if shape.candidates != 2:
            candidates = [f"primary/{model}-{index}" for index in range(shape.candidates)]
        # The limits of the streams that are meant to be silent are long; the others keep the defaults.
        limits = f", {long}" if model in ("bench-idle", "bench-paced") else ""
        lines.append(f"  {model}: {{candidates: [{', '.join(candidates)}]{limits}}}")
    for index in range(shape.routes):
        lines.append(f"  other-{index}: {{candidates: [primary/other-{index}]}}")
    for index in range(shape.refused_routes):
        lines.append(f"  bench-refused-{index}: {{candidates: [refused/model-{index}, primary/bench-unary]}}")
    lines += ["workloads:", "  bench: {criticality: critical}", "keys:"]
    keys = [client_key(f"bench-{index}", index) for index in range(shape.keys)]
    for index, key in enumerate(keys):
        digest = hashlib.sha256(key.encode()).hexdigest()
        lines.append(f"  - {{id: bench-{index}, hash: 'sha256:{digest}', workload: bench, in_flight: 100000}}")
    path = folder / "holdfast.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path, keys[-1]


def collector(folder, port):
    """Takes whatever it is sent, as cheaply as anything can: what is measured is the sender."""
    configuration = folder / "collector.conf"
    configuration.write_text(f"""
daemon off;
worker_processes 1;
pid {folder}/collector.pid;
error_log {folder}/collector-error.log error;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_max_body_size 0;
    client_body_temp_path {folder}/collector-body;
    server {{ listen 127.0.0.1:{port}; location / {{ return 200; }} }}
}}
""")
    command = ["nginx", "-e", f"{folder}/collector-error.log", "-p", str(folder), "-c", str(configuration)]
    return Service("collector", command, folder / "collector.log")


def holdfast(folder, upstream, binary, shape=None, name="holdfast"):
    """As it is meant to run: the management plane attached, telemetry on."""
    port, control_port, collector_port = free_port(), free_port(), free_port()
    path, key = holdfast_configuration(folder, upstream, port, shape or Shape(), control_port, collector_port)
    data, token, ready = folder / "control", folder / "gateway.token", folder / "control.ready"
    # Of an earlier round: it would start from the snapshots of that, and listen where that did.
    shutil.rmtree(data, ignore_errors=True)
    shutil.rmtree(folder / "data", ignore_errors=True)
    for leftover in (token, ready):
        leftover.unlink(missing_ok=True)
    control = Service(
        f"{name}-control",
        [str(binary), "control", "--config", str(path), "--data", str(data), "--enrol", f"bench={token}",
         "--ready-file", str(ready)], folder / "control.log")
    try:
        deadline = time.monotonic() + 30
        while not ready.exists():
            control.check_alive()
            if time.monotonic() > deadline:
                raise BenchmarkError(f"the management plane is not ready; see {control.log}")
            time.sleep(0.01)
    except BaseException:
        control.stop()
        raise
    command = [
        str(binary), "gateway", "--config", str(path), "--data", str(folder / "data"), "--control", str(ready),
        "--trust", str(data / "signing.pub"), "--token-file", str(token)]
    proxy = start(name, command, port, key, folder / "holdfast.log")
    proxy.service.beside = [control, collector(folder, collector_port)]
    return proxy
