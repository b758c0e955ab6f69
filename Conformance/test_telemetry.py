"""Traces, metrics and logs as a collector gets them, decoded by OpenTelemetry's own classes."""
import http.client
import json
from pathlib import Path

import pytest
import yaml
from opentelemetry.proto.logs.v1.logs_pb2 import SEVERITY_NUMBER_INFO2
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from harness.collector import Collector, attributes, decode
from harness.holdfast import LOOPBACK_ANY_PORT, Gateway, Practice, Served, get_json
from harness.waiting import wait_until

TRACE, CLIENT_SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOLDENS = Path(__file__).parent / "goldens"
SENT_BOUND_SECONDS = 20


@pytest.fixture(scope="module")
def collector():
    collector = Collector()
    try:
        yield collector
    finally:
        collector.stop()


@pytest.fixture(scope="module")
def provider(work):
    provider = Practice("traced", work, ["--first-token", "5ms", "--token-gap", "1ms"])
    provider.start()
    try:
        yield provider
    finally:
        provider.stop()


def document(provider: Practice, endpoint: str) -> dict:
    local = {"base_url": provider.base_url, "network": "private", "vendor": "practice"}
    return {
        "telemetry": {
            "endpoint": endpoint, "interval": "1s",
            "headers": [{"name": "X-Token", "value": "Bearer ${COLLECTOR_TOKEN}"}]},
        "providers": {"bad": dict(local), "good": dict(local)},
        "routes": {
            "assistant": {"candidates": ["good/practice-large"]},
            "failing-over": {
                "candidates": ["bad/practice-fault-status-500", "good/practice-large"],
                "retries": {"same_deployment": 0}},
        },
    }


@pytest.fixture(scope="module")
def traced(work, provider, collector):
    served = Gateway("telemetry", document(provider, collector.endpoint), work, {"COLLECTOR_TOKEN": "collector-secret"})
    served.start()
    try:
        yield served
    finally:
        served.stop()


def ask(gateway: Gateway, model: str, headers: dict | None = None) -> dict:
    """The headers of the answer."""
    host, port = gateway.listen.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    try:
        body = {"model": model, "max_tokens": 5, "messages": [{"role": "user", "content": "hello"}]}
        connection.request(
            "POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        return {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


def spans_of(collector: Collector, exchange: str, count: int) -> list:
    def found():
        spans = collector.spans()
        roots = [span for span in spans if attributes(span).get("holdfast.exchange") == exchange]
        if not roots:
            return None
        below = [span for span in spans if span.parent_span_id == roots[0].span_id]
        return [roots[0], *sorted(below, key=lambda span: span.start_time_unix_nano)]

    spans = wait_until(found, SENT_BOUND_SECONDS, f"the spans of {exchange}", collector.spans)
    assert len(spans) == count, spans
    return spans


def test_an_exchange_is_a_span_below_its_clients(traced, collector, provider):
    earlier = provider.last_number()
    answer = ask(traced, "assistant", {"traceparent": f"00-{TRACE}-{CLIENT_SPAN}-01", "tracestate": "congo=t61rcWkgMzE"})
    exchange, attempt = spans_of(collector, answer["x-request-id"], 2)
    assert {span.trace_id.hex() for span in (exchange, attempt)} == {TRACE}
    assert exchange.parent_span_id.hex() == CLIENT_SPAN and exchange.trace_state == "congo=t61rcWkgMzE"
    assert exchange.kind == Span.SPAN_KIND_SERVER and attempt.kind == Span.SPAN_KIND_CLIENT
    assert exchange.name == "chat assistant" and attempt.name == "chat practice-large"
    assert exchange.flags == 0x301 and attempt.flags == 0x101
    assert exchange.start_time_unix_nano <= attempt.start_time_unix_nano
    assert attempt.start_time_unix_nano < attempt.end_time_unix_nano <= exchange.end_time_unix_nano
    assert exchange.status.code == attempt.status.code == Status.STATUS_CODE_UNSET
    facts = attributes(exchange)
    assert facts["gen_ai.operation.name"] == "chat" and facts["gen_ai.provider.name"] == "practice"
    assert facts["gen_ai.request.model"] == "assistant" and facts["gen_ai.response.model"] == "practice-large"
    assert facts["gen_ai.usage.output_tokens"] == 5 and facts["gen_ai.usage.input_tokens"] > 0
    assert facts["http.response.status_code"] == 200 and facts["holdfast.attempts"] == 1
    assert facts["holdfast.stream"] is False and facts["holdfast.end"] == "answered"
    assert attributes(attempt)["server.address"] == "127.0.0.1"
    assert attributes(attempt)["server.port"] == int(provider.listen.rsplit(":", 1)[1])
    # The provider was told the attempt's span, and nothing of what others keep in the trace.
    seen = provider.requests_for("practice-large", after=earlier)[0]["headers"]
    told = {header["name"].lower(): header["value"] for header in seen}
    assert told["traceparent"] == f"00-{TRACE}-{attempt.span_id.hex()}-01" and "tracestate" not in told


def test_a_failover_is_two_attempts_of_one_exchange(traced, collector):
    answer = ask(traced, "failing-over")
    exchange, first, second = spans_of(collector, answer["x-request-id"], 3)
    assert exchange.parent_span_id == b"" and exchange.trace_id.hex() == answer["x-request-id"]
    assert first.status.code == Status.STATUS_CODE_ERROR and second.status.code == Status.STATUS_CODE_UNSET
    assert attributes(first)["error.type"] == "transient"
    assert attributes(first)["holdfast.deployment"] == "bad/practice-fault-status-500"
    assert attributes(second)["holdfast.deployment"] == "good/practice-large"
    assert attributes(exchange)["holdfast.degraded"] == "failover" and exchange.status.code == Status.STATUS_CODE_UNSET
    assert len({exchange.span_id, first.span_id, second.span_id}) == 3


def test_a_trace_that_is_not_sampled_is_not_kept(traced, collector):
    other = "1" * 32
    ask(traced, "assistant", {"traceparent": f"00-{other}-{CLIENT_SPAN}-00"})
    spans_of(collector, ask(traced, "assistant")["x-request-id"], 2)
    assert other not in {span.trace_id.hex() for span in collector.spans()}


def test_metrics_are_those_of_the_page(traced, collector):
    exchanges = int(wait_until(
        lambda: len([span for span in collector.spans() if span.kind == Span.SPAN_KIND_SERVER]), SENT_BOUND_SECONDS,
        "an exchange", collector.spans))

    def counted():
        metrics = collector.metrics()
        if "holdfast_exchanges_total" not in metrics:
            return None
        total = sum(point.as_int for point in metrics["holdfast_exchanges_total"].sum.data_points)
        return metrics if total >= exchanges else None

    metrics = wait_until(counted, SENT_BOUND_SECONDS, "a report that counts every exchange", collector.metrics)
    ends = metrics["holdfast_exchanges_total"].sum
    assert ends.is_monotonic and ends.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE
    assert {attributes(point)["route"] for point in ends.data_points} <= {"assistant", "failing-over"}
    assert all(0 < point.start_time_unix_nano < point.time_unix_nano for point in ends.data_points)
    assert metrics["holdfast_ready"].gauge.data_points[0].as_int == 1
    duration = metrics["gen_ai.client.operation.duration"]
    assert duration.unit == "s" and duration.description
    assert duration.histogram.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE
    for point in duration.histogram.data_points:
        assert len(point.bucket_counts) == len(point.explicit_bounds) + 1 and sum(point.bucket_counts) == point.count
        assert list(point.explicit_bounds) == sorted(point.explicit_bounds) and point.sum >= 0
    assert {attributes(point)["gen_ai.token.type"] for point in
            metrics["gen_ai.client.token.usage"].histogram.data_points} == {"input", "output"}
    page = metrics_page(traced)
    kinds = {line.split(" ")[2]: line.split(" ")[3] for line in page.splitlines() if line.startswith("# TYPE ")}
    of_kind = {"counter": "sum", "gauge": "gauge", "histogram": "histogram"}
    for name, metric in metrics.items():
        assert of_kind[kinds[name.replace(".", "_")]] == metric.WhichOneof("data"), name
    assert 'holdfast_telemetry_dropped_total{signal="traces",reason="queue_full"} 0' in page


def metrics_page(gateway: Gateway) -> str:
    host, port = gateway.addresses["operations"].rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=5)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def test_logs_are_those_of_standard_error(traced, collector):
    record = wait_until(
        lambda: next((record for record in collector.records() if record.body.string_value == "serving"), None),
        SENT_BOUND_SECONDS, "the first line", collector.records)
    assert record.severity_number == SEVERITY_NUMBER_INFO2 and record.severity_text == "notice"
    assert attributes(record)["listen"] == traced.listen and attributes(record)["logger"] == "holdfast.gateway"
    assert record.time_unix_nano > 0 and record.observed_time_unix_nano > 0


def test_every_request_says_who_sends_it(traced, collector):
    spans_of(collector, ask(traced, "assistant")["x-request-id"], 2)
    resources = collector.resources()
    assert {resource["service.name"] for resource in resources} == {"holdfast-gateway"}
    assert len({resource["service.instance.id"] for resource in resources}) == 1 and resources[0]["service.version"]
    for path in ("/v1/traces", "/v1/metrics", "/v1/logs"):
        for headers in collector.headers(path):
            lower = {name.lower(): value for name, value in headers.items()}
            assert lower["content-type"] == "application/x-protobuf"
            assert lower["x-token"] == "Bearer collector-secret"
    assert "collector-secret" not in traced.child.log_path.read_text()


def test_what_is_queued_at_the_end_is_sent(work, provider, collector):
    served = Gateway("telemetry-end", document(provider, collector.endpoint), work, {"COLLECTOR_TOKEN": "t"})
    served.start()
    answer = ask(served, "assistant")
    served.stop()
    spans_of(collector, answer["x-request-id"], 2)
    assert any(record.body.string_value == "stopped" for record in collector.records())


def test_a_dead_collector_costs_nothing_else(work, provider):
    gone = Collector()
    endpoint = gone.endpoint
    gone.stop()
    served = Gateway("telemetry-dead", document(provider, endpoint), work, {"COLLECTOR_TOKEN": "t"})
    served.start()
    try:
        for _ in range(20):
            ask(served, "assistant")
        wait_until(lambda: "telemetry is not taken" in served.child.log_path.read_text(), SENT_BOUND_SECONDS,
                   "the line that says so", served.child.log_tail)
        assert get_json(served.addresses["operations"], "/state")["ready"] is True
    finally:
        served.stop()
    # Once for each signal, however many batches there were.
    said = [line for line in served.child.log_path.read_text().splitlines() if "telemetry is not taken" in line]
    assert 1 <= len(said) <= 3, said


def control(work: Path, name: str, provider: Practice, endpoint: str, environment: dict) -> Served:
    config = work / f"{name}.yaml"
    config.write_text(yaml.safe_dump(
        {"version": 1, "control": {"listen": LOOPBACK_ANY_PORT}, **document(provider, endpoint)}, sort_keys=False))
    return Served(name, ["control", "--config", str(config), "--data", str(work / f"{name}.data")], work, environment)


def test_the_management_plane_sends_its_events_and_metrics(work, provider):
    own = Collector()
    try:
        served = control(work, "telemetry-control", provider, own.endpoint, {"COLLECTOR_TOKEN": "t"})
        served.start()
        metrics = wait_until(own.metrics, SENT_BOUND_SECONDS, "a report", own.metrics)
        served.stop()
        said = {record.body.string_value for record in own.records()}
        assert {"serving", "stopped"} <= said and own.spans() == []
        assert {name.startswith("holdfast_control_") for name in metrics} == {True}
        assert metrics["holdfast_control_generation"].gauge.data_points[0].as_int == 1
        assert metrics["holdfast_control_pulls_total"].sum.is_monotonic
        assert {resource["service.name"] for resource in own.resources()} == {"holdfast-control"}
    finally:
        own.stop()


def test_the_management_plane_sends_nothing_where_it_cannot_read_the_headers(work, provider):
    own = Collector()
    try:
        served = control(work, "telemetry-control-unread", provider, own.endpoint, {})
        served.start()
        served.stop()
        assert own.resources() == []
    finally:
        own.stop()


# --- the goldens of the Swift tests ---


def golden(name: str):
    return decode(f"/v1/{name}", bytes.fromhex((GOLDENS / f"otlp-{name}.hex").read_text()))


def test_the_golden_spans():
    request = golden("traces")
    part = request.resource_spans[0]
    assert attributes(part.resource) == {
        "service.name": "holdfast-gateway", "service.version": "1.2.3", "service.instance.id": "one"}
    assert part.scope_spans[0].scope.name == "holdfast" and part.scope_spans[0].scope.version == "1.2.3"
    exchange, attempt = part.scope_spans[0].spans
    assert exchange.trace_id.hex() == attempt.trace_id.hex() == TRACE
    assert exchange.parent_span_id.hex() == CLIENT_SPAN and attempt.parent_span_id == exchange.span_id
    assert exchange.end_time_unix_nano - exchange.start_time_unix_nano == 1_500_000_000
    # An end before its start was moved there.
    assert attempt.end_time_unix_nano == attempt.start_time_unix_nano
    assert attributes(exchange) == {
        "gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 300, "below_zero": -1, "zero": 0,
        "holdfast.stream": True, "not": False, "half": 0.5, "empty": "", "reasons": ["stop", "größer"]}
    assert exchange.events[0].name == "holdfast.candidate_passed_over"
    assert attributes(exchange.events[0]) == {"reason": "busy"}
    assert attempt.status.code == Status.STATUS_CODE_ERROR and attempt.status.message == "transient"
    assert exchange.flags == 0x301 and attempt.flags == 0x101


def test_the_golden_metrics():
    counter, gauge, histogram = golden("metrics").resource_metrics[0].scope_metrics[0].metrics
    assert [point.as_int for point in counter.sum.data_points] == [7, 0]
    assert attributes(counter.sum.data_points[1]) == {"route": "assistant", "end": "client_gone"}
    assert gauge.gauge.data_points[0].start_time_unix_nano == 0 and gauge.gauge.data_points[0].as_int == 1
    point = histogram.histogram.data_points[0]
    assert (point.count, point.sum, list(point.bucket_counts)) == (204, 12.75, [1, 200, 0, 3])
    assert list(point.explicit_bounds) == [0.005, 1, 81.92] and histogram.unit == "s"


def test_the_golden_logs():
    record, = golden("logs").resource_logs[0].scope_logs[0].log_records
    assert record.severity_text == "warning" and record.severity_number == 13
    assert record.body.string_value == "breaker open" and attributes(record) == {"deployment": "a/b", "count": 3}
