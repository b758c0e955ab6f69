"""What both planes say to Prometheus: promtool and the official client's parser take it, a real Prometheus scrapes it, and
the Grafana dashboard asks for nothing that is not there."""
import http.client
import json
import os
import re
import shutil
import subprocess
import time
import urllib.parse
from pathlib import Path

import openai
import pytest
import yaml
from grafana_foundation_sdk.cog import encoder, plugins
from grafana_foundation_sdk.models import dashboard as grafana
from prometheus_client.parser import text_string_to_metric_families

from harness.collector import Collector
from harness.control import Control
from harness.holdfast import Practice
from harness.processes import Child, free_port
from harness.waiting import wait_until

DOCS = Path(__file__).parent.parent / "Docs"
DASHBOARD = DOCS / "grafana" / "holdfast.json"
# The page is taken while this much happens.
EXCHANGES = 12
SCRAPE_SECONDS = 1
START_BOUND_SECONDS = 20
# Of two scrapes, and a question for each panel in each look.
PANELS_BOUND_SECONDS = 60
# What shows only after it has happened; everything else must be there after traffic.
NOT_WITHOUT_A_CAUSE = {
    "holdfast_suspended": "nothing is out for good here",
    "holdfast_attempts_injected_total": "nothing fails on purpose here",
}


@pytest.fixture(scope="module")
def provider(work):
    provider = Practice("metered", work, ["--first-token", "5ms", "--token-gap", "1ms"])
    provider.start()
    try:
        yield provider
    finally:
        provider.stop()


@pytest.fixture(scope="module")
def collector():
    collector = Collector()
    try:
        yield collector
    finally:
        collector.stop()


@pytest.fixture(scope="module")
def control(work, provider, collector):
    local = {"base_url": provider.base_url, "network": "private"}
    served = Control("metrics-control", {
        "telemetry": {"endpoint": collector.endpoint, "interval": "1s"},
        "providers": {"good": dict(local), "bad": dict(local), "gone": {**local, "base_url": "http://127.0.0.1:9/v1"}},
        "deployments": {"good/practice-small": {"limits": {"concurrent": 8}, "retires": "2099-12-31"}},
        "routes": {
            "assistant": {"candidates": ["good/practice-large"]},
            "failing-over": {"candidates": ["bad/practice-fault-status-500", "good/practice-small"]},
            "all-down": {"candidates": ["gone/practice-large"]},
        },
    }, work)
    served.start()
    try:
        yield served
    finally:
        served.stop()


@pytest.fixture(scope="module")
def gateway(control):
    gateway = control.enrolled_gateway("metrics-gateway", {})
    gateway.start()
    wait_until(lambda: "all-down" in json.dumps(gateway.state()), START_BOUND_SECONDS, "the first snapshot", gateway.state)
    try:
        yield gateway
    finally:
        gateway.stop()


@pytest.fixture(scope="module")
def fresh(gateway, control) -> dict[str, str]:
    """The pages before anything was asked."""
    return pages(gateway, control)


@pytest.fixture(scope="module")
def used(gateway, control, fresh) -> dict[str, str]:
    """After answers, streams, failovers, errors, refusals and a client that left."""
    use(gateway)
    made = control.ask("POST", "/v1/backups", control.admin)
    assert made.status == 201, made.body
    control.ask("GET", "/v1/nothing", control.admin)
    control.ask("GET", "/v1/status", "wrong")
    return pages(gateway, control)


def use(gateway) -> None:
    client = gateway.client("none")
    question = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}
    for number in range(EXCHANGES):
        for model in ("assistant", "failing-over"):
            if number % 2:
                client.chat.completions.create(model=model, **question)
            else:
                list(client.chat.completions.create(
                    model=model, stream=True, stream_options={"include_usage": True}, **question))
        for model in ("all-down", "nothing"):
            with pytest.raises(openai.APIStatusError):
                client.chat.completions.create(model=model, **question)
    for _ in range(2):
        client.chat.completions.create(
            model="assistant", extra_headers={"idempotency-key": "the-same"}, **question)
    stream = client.chat.completions.create(model="assistant", stream=True, **question)
    next(iter(stream))
    stream.close()
    # Refused before it is an exchange.
    host, port = gateway.listen.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=5)
    connection.request("POST", "/v1/chat/completions", "{", {"content-type": "application/json"})
    assert connection.getresponse().status == 400
    connection.close()


def page(address: str, token: str | None = None) -> str:
    host, port = address.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=5)
    try:
        connection.request("GET", "/metrics", headers={"authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, text
        assert answer.getheader("content-type") == "text/plain; version=0.0.4; charset=utf-8"
        return text
    finally:
        connection.close()


def pages(gateway, control) -> dict[str, str]:
    return {
        "gateway": page(gateway.addresses["operations"]),
        "control": page(control.listen, control.admin),
    }


PLANES = ("gateway", "control")


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("moment", ["fresh", "used"])
def test_promtool_has_nothing_to_say(request, moment, plane):
    """Neither errors nor lint: both make it end with something else than 0."""
    text = request.getfixturevalue(moment)[plane]
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("moment", ["fresh", "used"])
def test_the_official_parser_takes_it(request, moment, plane):
    text = request.getfixturevalue(moment)[plane]
    families = list(text_string_to_metric_families(text))
    assert len(families) >= 10
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    series = [(sample.name, tuple(sorted(sample.labels.items()))) for family in families for sample in family.samples]
    assert len(series) == len(set(series))
    for family in families:
        assert family.documentation and family.type in ("counter", "gauge", "histogram"), family.name
        if family.type == "histogram":
            check_histogram(family)
        if family.type in ("counter", "histogram"):
            assert all(sample.value >= 0 for sample in family.samples), family.name


def check_histogram(family) -> None:
    rows: dict[tuple, dict] = {}
    for sample in family.samples:
        labels = dict(sample.labels)
        bound = labels.pop("le", None)
        row = rows.setdefault(tuple(sorted(labels.items())), {"buckets": []})
        if bound is None:
            row[sample.name.removeprefix(family.name)] = sample.value
        else:
            row["buckets"].append((float(bound), sample.value))
    for row in rows.values():
        bounds, counts = zip(*row["buckets"])
        assert list(bounds) == sorted(bounds) and bounds[-1] == float("inf"), family.name
        assert list(counts) == sorted(counts) and counts[-1] == row["_count"] and row["_sum"] >= 0, family.name


def values(text: str) -> dict[str, float]:
    return {
        f"{sample.name}{json.dumps(sample.labels, sort_keys=True)}": sample.value
        for family in text_string_to_metric_families(text) for sample in family.samples}


def test_what_happened_is_counted(fresh, used):
    before, after = values(fresh["gateway"]), values(used["gateway"])
    failed_over = 'holdfast_failovers_total{"route": "failing-over"}'
    assert after[failed_over] - before[failed_over] == EXCHANGES
    durations = 'gen_ai_client_operation_duration_count{"gen_ai_request_model": "assistant"}'
    assert after[durations] - before[durations] >= EXCHANGES
    control = values(used["control"])
    assert control['holdfast_control_gateway_ready{"gateway": "metrics-gateway"}'] == 1
    assert control['holdfast_control_answers_total{"code": "404"}'] >= 1
    assert control["holdfast_control_backup_failing{}"] == 0
    assert "holdfast_control_backup_age_seconds{}" in control


# --- the dashboard ---


@pytest.fixture(scope="module")
def dashboard() -> dict:
    return json.loads(DASHBOARD.read_text())


def panels(dashboard: dict) -> list[dict]:
    return [inner for panel in dashboard["panels"] for inner in (panel, *panel.get("panels", []))]


def expressions(dashboard: dict) -> list[tuple[str, str]]:
    """Where it stands, and what Prometheus is asked, with Grafana's own words filled in as Grafana does it."""
    found = [(panel["title"], target["expr"]) for panel in panels(dashboard) for target in panel.get("targets", [])]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            inner = re.fullmatch(r"label_values\((.+), *(\w+)\)", variable["query"]["query"])
            found.append((f"variable {variable['name']}", inner[1]))
    return [(title, fill(expression, dashboard)) for title, expression in found]


def alerts() -> list[tuple[str, str]]:
    """What the documentation says to be woken by."""
    section = (DOCS / "monitoring.md").read_text().split("## What to be woken by")[1].split("\n## ")[0]
    found = re.findall(r"^\| ([^|]+) \| `((?:[^`|]|\\\|)+)`", section, re.MULTILINE)
    assert len(found) >= 5
    return [(what, expression.replace("\\|", "|")) for what, expression in found]


def fill(expression: str, dashboard: dict) -> str:
    filled = expression.replace("$__rate_interval", "1m").replace("$__range", "5m").replace("$__interval", "15s")
    for variable in dashboard["templating"]["list"]:
        filled = re.sub(rf"\${variable['name']}\b|\$\{{{variable['name']}(:\w+)?\}}", ".+", filled)
    assert "$" not in filled, f"a variable that nobody defines: {filled}"
    return filled


def test_the_dashboard_keeps_to_grafanas_conventions(dashboard):
    assert dashboard["uid"] and len(dashboard["uid"]) <= 40 and dashboard["title"] and dashboard["schemaVersion"] >= 39
    # An id and a version are the database's of one Grafana: with them an import may fall upon another dashboard.
    assert dashboard.get("id") is None and "version" not in dashboard
    sources = [variable for variable in dashboard["templating"]["list"] if variable["type"] == "datasource"]
    assert [source["query"] for source in sources] == ["prometheus"]
    source = {"type": "prometheus", "uid": "${" + sources[0]["name"] + "}"}
    every = panels(dashboard)
    assert len({panel["id"] for panel in every}) == len(every)
    taken: set[tuple[int, int]] = set()
    for panel in every:
        place = panel["gridPos"]
        assert place["w"] >= 1 and place["h"] >= 1 and 0 <= place["x"] and place["x"] + place["w"] <= 24, panel["title"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, f"{panel['title']} lies on another panel"
        taken |= cells
        if panel["type"] == "row":
            continue
        assert panel["type"] in ("timeseries", "stat", "table", "state-timeline", "bargauge"), panel["type"]
        assert panel["datasource"] == source and panel["description"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        targets = panel["targets"]
        assert targets and len({target["refId"] for target in targets}) == len(targets), panel["title"]
        assert all(target["datasource"] == source and target["expr"] for target in targets), panel["title"]
    for variable in dashboard["templating"]["list"]:
        used = f"${variable['name']}", "${" + variable["name"]
        assert any(name in json.dumps(every) for name in used), f"{variable['name']} is used nowhere"


def test_the_dashboard_is_one_to_grafanas_own_schema(dashboard):
    """Its types take every field, and give back what they took: nothing is misspelt."""
    plugins.register_default_plugins()
    loaded = grafana.Dashboard.from_json(dashboard)
    assert list(lost(dashboard, json.loads(encoder.JSONEncoder().encode(loaded)))) == []
    kinds = {type(target).__module__ for panel in loaded.panels if panel.type_val != "row" for target in panel.targets}
    assert kinds == {"grafana_foundation_sdk.models.prometheus"}


def lost(before: object, after: object, path: str = ""):
    """Where the second has not what the first has."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            if name in after:
                yield from lost(value, after[name], f"{path}/{name}")
            else:
                yield f"{path}/{name}"
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (left, right) in enumerate(zip(before, after)):
            yield from lost(left, right, f"{path}/{place}")
    elif before != after:
        yield f"{path}: {before!r} became {after!r}"


def exposed(used: dict[str, str]) -> set[str]:
    """Every series by its name, and every family: one without rows has no series yet, and is there all the same."""
    names = {name for text in used.values() for name in re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)}
    return names | {
        sample.name for text in used.values() for family in text_string_to_metric_families(text)
        for sample in family.samples}


def test_the_dashboard_names_only_what_is_there(dashboard, used):
    names = exposed(used)
    for title, expression in expressions(dashboard) + alerts():
        asked = set(re.findall(r"\b(?:holdfast|gen_ai|up)\w*\b(?=[{\[ )]|$)", re.sub(r'"[^"]*"|\b(?:by|on|without) ?\([^)]*\)', "", expression)))
        assert asked, f"{title}: {expression}"
        assert asked <= names | {"up"}, f"{title} asks for {asked - names}"


def test_every_metric_is_on_the_dashboard_or_has_a_reason(dashboard, used):
    text = " ".join(expression for _, expression in expressions(dashboard))
    families = {name for page in used.values() for name in re.findall(r"^# TYPE (\S+)", page, re.MULTILINE)}
    missing = {name for name in families if not re.search(rf"\b{name}(_bucket|_sum|_count)?\b", text)}
    assert missing <= {
        "holdfast_uptime_seconds", "holdfast_control_uptime_seconds",  # `up` and restarts show by themselves
        "holdfast_checks_total",  # what they find is holdfast_warm
        "gen_ai_server_time_per_output_token",  # of interest for one deployment, by whoever tunes it
    }, missing


def test_every_expression_is_promql(dashboard, tmp_path):
    every = expressions(dashboard) + alerts()
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": [
        {"record": f"panel:{number}", "expr": expression}
        for number, (_, expression) in enumerate(every)]}]}))
    checked = subprocess.run(["promtool", "check", "rules", str(rules)], capture_output=True, text=True, timeout=30)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(every)} rules found" in checked.stdout


class Prometheus:
    """A real one, which scrapes both planes as the documentation says."""

    def __init__(self, work: Path, gateway, control):
        folder = work / "prometheus"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        token = folder / "viewer.token"
        token.write_text(control.token("viewer", "prometheus"))
        config = folder / "prometheus.yml"
        config.write_text(yaml.safe_dump({
            "global": {"scrape_interval": f"{SCRAPE_SECONDS}s"},
            "scrape_configs": [
                {"job_name": "holdfast-gateway", "static_configs": [{"targets": [gateway.addresses["operations"]]}]},
                {"job_name": "holdfast-control", "authorization": {"credentials_file": str(token)},
                 "static_configs": [{"targets": [control.listen]}]},
            ]}))
        checked = subprocess.run(["promtool", "check", "config", str(config)], capture_output=True, text=True)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        self.port = free_port()
        self.child = Child("prometheus", [
            "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{self.port}"], work)

    def ask(self, path: str, **query: object) -> object:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", f"/api/v1/{path}?{urllib.parse.urlencode(query)}")
            answer = json.loads(connection.getresponse().read())
            assert answer["status"] == "success", f"{query}: {answer}"
            assert not answer.get("warnings"), f"{query}: {answer}"
            return answer["data"]
        finally:
            connection.close()

    def start(self) -> None:
        self.child.start()
        self.child.wait_until_ready(self._answers, START_BOUND_SECONDS, "an answer")

    def _answers(self) -> bool:
        try:
            return bool(self.ask("status/runtimeinfo"))
        except (OSError, ValueError):
            return False

    def health(self) -> dict[str, str]:
        return {target["labels"]["job"]: target["lastError"] or target["health"]
                for target in self.ask("targets")["activeTargets"]}


@pytest.fixture(scope="module")
def prometheus(work, gateway, control):
    prometheus = Prometheus(work, gateway, control)
    prometheus.start()
    try:
        yield prometheus
    finally:
        prometheus.child.stop()


def test_a_real_prometheus_answers_every_panel(prometheus, gateway, used, dashboard):
    wait_until(lambda: set(prometheus.health().values()) == {"up"}, START_BOUND_SECONDS, "both to be scraped",
               prometheus.health)
    use(gateway)
    asked = expressions(dashboard)

    def unanswered():
        return [(title, expression) for title, expression in asked
                if not prometheus.ask("query", query=expression)["result"]
                and not any(name in expression for name in NOT_WITHOUT_A_CAUSE)]

    wait_until(lambda: not unanswered(), PANELS_BOUND_SECONDS, "an answer of each panel", unanswered)
    end = time.time()
    for title, expression in asked:
        assert prometheus.ask("query_range", query=expression, start=end - 60, end=end, step=5) is not None, title
    # The names of both planes as they came through.
    kept = set(prometheus.ask("label/__name__/values"))
    assert {"holdfast_exchanges_total", "gen_ai_client_operation_duration_bucket", "holdfast_control_generation"} <= kept
