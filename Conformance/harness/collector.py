"""An OpenTelemetry collector as far as a sender can tell: it takes OTLP over HTTP and decodes it with OpenTelemetry's own
classes."""
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

REQUESTS = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
}


def decode(path: str, body: bytes) -> Message:
    """Fails where the bytes are no request, or hold a field that the schema does not know."""
    request = REQUESTS[path]()
    request.ParseFromString(body)
    without = REQUESTS[path]()
    without.CopyFrom(request)
    without.DiscardUnknownFields()
    assert without.ByteSize() == request.ByteSize(), f"{path} has fields that the schema does not know"
    return request


def plain(value) -> object:
    """An AnyValue as Python has it."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    return getattr(value, kind)


def attributes(holder) -> dict:
    found = {pair.key: plain(pair.value) for pair in holder.attributes}
    assert len(found) == len(holder.attributes), f"an attribute stands twice: {holder.attributes}"
    return found


class Collector:
    def __init__(self):
        self._lock = threading.Lock()
        self._requests: list[tuple[str, dict, Message]] = []
        self._problems: list[str] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                try:
                    request = decode(self.path, body)
                except Exception as error:
                    with collector._lock:
                        collector._problems.append(f"{self.path}: {error!r}")
                    self.send_response(400)
                else:
                    with collector._lock:
                        collector._requests.append((self.path, dict(self.headers), request))
                    self.send_response(200)
                    self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _of(self, path: str) -> list[tuple[dict, Message]]:
        with self._lock:
            assert not self._problems, self._problems
            return [(headers, request) for found, headers, request in self._requests if found == path]

    def headers(self, path: str) -> list[dict]:
        return [headers for headers, _ in self._of(path)]

    def resources(self) -> list[dict]:
        found = []
        for path, name in [("/v1/traces", "spans"), ("/v1/metrics", "metrics"), ("/v1/logs", "logs")]:
            for _, request in self._of(path):
                found += [attributes(part.resource) for part in getattr(request, f"resource_{name}")]
        return found

    def spans(self) -> list:
        return [
            span for _, request in self._of("/v1/traces") for part in request.resource_spans
            for scope in part.scope_spans for span in scope.spans]

    def records(self) -> list:
        return [
            record for _, request in self._of("/v1/logs") for part in request.resource_logs
            for scope in part.scope_logs for record in scope.log_records]

    def metrics(self) -> dict:
        """Of the newest report, by name."""
        reports = self._of("/v1/metrics")
        if not reports:
            return {}
        return {
            metric.name: metric for part in reports[-1][1].resource_metrics
            for scope in part.scope_metrics for metric in scope.metrics}
