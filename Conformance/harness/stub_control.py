"""A management plane that is made up: the API that the console asks, with data like a busy day's, and as much of it as
one likes. It serves the console's own files, so that pages can be looked at without a build."""
import argparse
import base64
import hashlib
import json
import math
import random
import re
import threading
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

ASSETS = Path(__file__).resolve().parents[2] / "Sources" / "HoldfastConsole" / "Assets"
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
POLICY = ("default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'; "
          "require-trusted-types-for 'script'; trusted-types 'none'")
PEOPLE = ["events.read", "findings.read", "gateways.read", "exchanges.read", "snapshots.read", "rollouts.read", "overrides.read",
          "drills.read", "backups.read", "session.read"]
OPERATOR = PEOPLE + ["notifications.test", "snapshots.rollback", "rollouts.release", "rollouts.return",
                     "overrides.create", "overrides.clear", "restrictions.create", "restrictions.clear",
                     "drills.start", "drills.stop", "backups.create", "backups.verify"]
ADMIN = OPERATOR + ["snapshots.publish", "audit.read", "evidence.read", "evidence.export", "keys.read", "keys.create",
                    "keys.revoke", "tokens.read", "tokens.create", "tokens.revoke"]
MAY = {"viewer": PEOPLE, "operator": OPERATOR, "auditor": ["audit.read", "evidence.read", "session.read"],
       "admin": ADMIN}
CODE = "a-code-that-works-once"


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class World:
    """What there is. Everything moves with the clock, so that a page which asks twice sees two pictures."""

    def __init__(self, deployments: int = 9):
        self.start = time.time()
        self.lock = threading.Lock()
        self.changes: list[tuple[str, str, object]] = []
        self.silence = False
        self.revoked: set[str] = set()
        self.figures = True
        self.code = CODE
        self.deployments = self._deployments(deployments)
        self.routes = self._routes(deployments)
        self.overrides = [
            {"id": "drain-4k2m9x1c", "effect": {"kind": "drain", "provider": "openai"}, "author": "alice",
             "reason": "their status page is red", "created_at": self._ago(900), "expires_at": self._ago(-6300)},
            {"id": "restrict-7h1q", "effect": {"kind": "restrict", "jurisdiction": "cn"}, "author": "bob",
             "reason": "the ruling of <b>today</b>", "created_at": self._ago(90_000), "expires_at": self._ago(-500_000)},
            {"id": "cap-0001", "effect": {"kind": "cap", "deployment": "mistral/large", "concurrent": 8},
             "author": "alice", "reason": "they throttle us", "created_at": self._ago(200_000),
             "expires_at": self._ago(190_000), "ended_at": self._ago(190_000)}]
        self.keys = [{"id": "triage-app", "workload": "triage", "note": "ward 4", "made_by": "first-admin",
                      "made_at": stamp(self.start - 86_400)}]
        self.tokens = [
            {"id": "first-admin", "kind": "admin", "note": "", "grants": [], "made_by": "holdfast",
             "made_at": stamp(self.start - 90_000), "expires_at": stamp(self.start + 500_000)},
            {"id": "autopilot", "kind": "automation", "note": "drains by itself", "made_by": "first-admin",
             "grants": [{"permission": "overrides.create", "expires_at": stamp(self.start + 90_000),
                         "includes_recovery": False}],
             "made_at": stamp(self.start - 80_000), "expires_at": stamp(self.start + 900_000)},
            {"id": "old-laptop", "kind": "operator", "note": "lost", "grants": [], "made_by": "first-admin",
             "made_at": stamp(self.start - 900_000), "expires_at": stamp(self.start - 1), "revoked_by": "first-admin",
             "revoked_at": stamp(self.start - 40_000)}]
        self.generations = self._generations()
        self.rollout = {
            "phase": "canary", "good": 6, "proposed": 7, "canary": "gw-2", "not_there": ["gw-1", "gw-3"],
            "detail": "gw-2 has it and has served 18 of 30 requests", "author": "alice", "reason": "a third provider",
            "began_at": stamp(self.start - 40), "changed_at": stamp(self.start - 31)}
        self.receivers = [
            {"name": "oncall", "format": "alertmanager", "address": "http://alertmanager.example:9093",
             "kinds": ["gateway-silent"], "state": "working", "waiting": 0, "sent": 14, "failures": 0, "dropped": 0,
             "last_success_at": stamp(self.start - 120)},
            {"name": "bus", "format": "cloudevents", "address": "https://bus.example", "kinds": ["restriction"],
             "state": "failing", "waiting": 2, "sent": 3, "failures": 5, "dropped": 1,
             "last_failure_at": stamp(self.start - 20), "last_failure": "it answered 503"}]
        self.backups = [
            {"id": "000042", "state": "verified", "folder": "/var/lib/holdfast-control/backups/000042", "bytes": 941_232,
             "made_at": stamp(self.start - 7_000), "age_milliseconds": 7_000_000, "version": "0.1.0", "generation": 7,
             "audit_entries": 311, "checked_at": stamp(self.start - 6_990)},
            {"id": "000041", "state": "failed", "folder": "/var/lib/holdfast-control/backups/000041", "bytes": 12,
             "problem": "the manifest does not match control.sqlite", "mend": "make another one"}]
        self.entries = self._entries()
        self.events: list[dict] = []
        for index in range(40):
            self.tell("breaker.opened" if index % 7 == 3 else "override.created", f"thing-{index}",
                      f"something happened to thing-{index}", "warning" if index % 7 == 3 else None)
        self.drills = Drills(self)
        self.map = Map(self)

    def _ago(self, seconds: float) -> int:
        return int((self.start - seconds) * 1000)

    # What goes through

    def _deployments(self, count: int) -> list[dict]:
        vendors = [("openai", "us", False), ("anthropic", "us", False), ("mistral", "fr", False),
                   ("deepseek", "cn", False), ("local", None, True)]
        models = ["large", "small", "mini", "reason", "vision", "embed"]
        found = []
        for index in range(count):
            vendor, jurisdiction, owned = vendors[index % len(vendors)]
            region = index // (len(vendors) * len(models))
            model = models[(index // len(vendors)) % len(models)] + (f"-{region}" if region else "")
            found.append({"id": f"{vendor}/{model}", "vendor": vendor, "owned": owned, "warmth": "warm",
                          **({"jurisdiction": jurisdiction} if jurisdiction else {})})
        return found

    def _routes(self, count: int) -> list[dict]:
        ids = [deployment["id"] for deployment in self.deployments]
        if count <= 12:
            names = ["assistant", "triage", "embeddings"]
        else:
            names = [f"team-{index:03}-assistant" for index in range(count // 4)]
        width = 3 if count <= 12 else 9
        return [{"name": name, "candidates": [ids[(index * 4 + step) % len(ids)] for step in range(width)]}
                for index, name in enumerate(names)]

    def breaker(self, index: int) -> tuple[str, str | None]:
        if index % 23 == 1:
            return "open", None
        if index % 31 == 2:
            return "half-open", None
        return ("closed", "quota_exhausted") if index % 47 == 5 else ("closed", None)

    def figures_view(self) -> dict:
        gateways = []
        for gateway, share in (("gw-1", 1.0), ("gw-2", 0.7), ("gw-3", 0.5)):
            age = time.time() - self.start + 3_600
            routes, calls = [], []
            for index, route in enumerate(self.routes):
                base = share * (9 if index == 0 else 3 + index % 5)
                ended = int(base * (age + 6 * math.sin(age / 9 + index)))
                failed = int(ended * (0.01 if index % 9 == 1 else 0))
                routes.append({
                    **route, "ended": ended, "failed": failed, "failovers": ended // 11,
                    "in_flight": int(base * (1.5 + math.sin(age / 5))), "median_milliseconds": 640 + 40 * (index % 7),
                    "p99_milliseconds": 2_900 + 100 * (index % 5), "median_first_token_milliseconds": 210 + index % 9,
                    "p99_first_token_milliseconds": 900 + index % 50})
                second = route["candidates"][1]
                for deployment, part in ((route["candidates"][0], 9), (second, 1)):
                    calls.append({"workload": "triage" if index % 2 else "chat", "route": route["name"],
                                  "deployment": deployment, "count": ended * part // 10})
            deployments = []
            for index, deployment in enumerate(self.deployments):
                breaker, suspension = self.breaker(index)
                here = breaker if index % 2 or gateway == "gw-1" else "closed"
                deployments.append({
                    **deployment, "breaker": here, "in_flight": index % 4, "waiting": 0,
                    "attempts": int(age * 2 + index), "failures": index % 5 if here == "closed" else 40,
                    "median_first_token_milliseconds": 200 + index % 80,
                    "overrides": ["drain-4k2m9x1c"] if deployment["vendor"] == "openai" else [],
                    **({"suspension": suspension} if suspension else {}),
                    **({"retires": "2027-03-31"} if index == 3 else {})})
            gateways.append({"id": gateway, "silent_for_milliseconds": 400, "figures_age_milliseconds": 400, "figures": {
                "routes": routes, "deployments": deployments, "calls": calls, "name_servers": ["10.0.0.53"],
                "endpoints": [{"provider": "openai", "host": "api.openai.com", "addresses": ["203.0.113.7"]}]}})
        return {"gateways": gateways}

    def exchanges(self, wanted: dict) -> dict:
        found = []
        for number in range(60, 0, -1):
            route = self.routes[number % len(self.routes)]
            first, second = route["candidates"][:2]
            lost, degraded = number % 17 == 5, number % 5 == 2
            attempts = [{"deployment": first, "started_milliseconds": 2, "ended_milliseconds": 180,
                         "failure": "unreachable"}] if lost or degraded else []
            if not lost:
                attempts.append({"deployment": second if degraded else first, "ended_milliseconds": 1_240,
                                 "started_milliseconds": 182 if degraded else 2, "first_token_milliseconds": 420})
            found.append({"number": number, "gateway": f"gw-{number % 2 + 1}", "receipt": {
                "id": f"{number:032x}", "ended_at": stamp(self.start - 60 + number), "route": route["name"],
                "generation": 7, "operation": "chat", "stream": True, "criticality": "critical", "delivery": "splice",
                "end": "every_candidate_failed" if lost else "answered", "status": 502 if lost else 200,
                "milliseconds": 1_240, "candidates": route["candidates"], "attempts": attempts, "exclusions": [
                    {"deployment": route["candidates"][2], "reason": "breaker_open", "at_milliseconds": 180}]
                if lost else [], **({"workload": "triage"} if number % 2 else {}),
                **({"degraded": "failover"} if degraded and not lost else {}),
                **({} if lost else {"first_token_milliseconds": 420, "input_tokens": 212, "output_tokens": 96})}})
        return {"left_out": 12_408, "items": [
            one for one in found
            if wanted.get("route", one["receipt"]["route"]) == one["receipt"]["route"]
            and wanted.get("end", one["receipt"]["end"]) == one["receipt"]["end"]
            and ("degraded" not in wanted or (wanted["degraded"] == "true") == ("degraded" in one["receipt"]))]}

    def gateways(self) -> list[dict]:
        def view(name, silent, generation, **more):
            report = {"version": "0.1.0", "generation": generation, "source": "control", "ready": True,
                      "exchanges_in_flight": 12, "exchanges": 48_211, "failures": 3, "shedding": "none",
                      "troubles": [{"subject": "anthropic/large", "breaker": "open"}], **more}
            return {"id": name, "silent_for_milliseconds": silent, "target": 7 if name == "gw-2" else 6,
                    "report": report}
        return [view("gw-1", 640, 6), view("gw-2", 1_210, 7),
                view("gw-3", 48_000, 5, shedding="deferrable", refused="it has no route", source="ring")]

    def status(self, principal: dict) -> dict:
        return {"version": "0.1.0", "generation": len(self.generations), "gateways": self.gateways(),
                "overrides": sum("ended_at" not in one for one in self.overrides), "rollout": self.rollout,
                "audit_entries": len(self.entries), "drills": {"halt": self.drills.halted or {"halted": False}},
                "last_verified_backup_age_milliseconds": 7_000_000,
                "principal": principal["principal"], "kind": principal["kind"]}

    def alerts(self) -> list[dict]:
        return [
            {"kind": "gateway-silent", "subject": "gw-3", "severity": "critical", "gateways": [],
             "summary": "gw-3 was not heard for 48 s", "mend": "look whether it runs and reaches the management plane",
             "since": stamp(self.start - 40)},
            {"kind": "breaker-open", "subject": "anthropic/large", "severity": "warning", "gateways": ["gw-1", "gw-2"],
             "summary": "the breaker of anthropic/large is open at 2 gateways",
             "mend": "nothing, if it closes by itself; else look at the provider", "since": stamp(self.start - 600)}]

    def fallbacks(self) -> list[dict]:
        found = []
        states = ["tested", "untested", "outdated", "failed"]
        for index, route in enumerate(self.routes):
            for place, deployment in enumerate(route["candidates"][1:3]):
                state = states[(index + place) % 4]
                found.append({
                    "route": route["name"], "deployment": deployment, "state": state,
                    "passes": {"tested": 5, "outdated": 2}.get(state, 0),
                    "changes": ["the model of the primary was replaced"] if state == "outdated" else [],
                    **({"confidence_percent": 54, "last_passed_at": stamp(self.start - 90_000), "last_drill": "drill-1",
                        "last_recovery_milliseconds": 412} if state in ("tested", "outdated") else {})})
        return found

    # What is meant

    def _generations(self) -> list[dict]:
        found = []
        document = "version: 1\n\nproviders:\n  openai:\n    base_url: https://api.openai.com/v1\n"
        for number in range(1, 8):
            document += f"  provider-{number}:\n    base_url: https://p{number}.example/v1\n    region: eu-{number}\n"
            if number == 5:
                document = document.replace("region: eu-2", "region: us-2")
            tail = "\nroutes:\n  assistant:\n    candidates: [openai/large, local/small]\n"
            found.append({"number": number, "made_at": stamp(self.start - (8 - number) * 40_000), "author": "alice",
                          "reason": f"provider {number} joins", "name": "holdfast.yaml", "overrides": [],
                          "document": document + tail})
        return found

    def _entries(self) -> list[dict]:
        found = []
        for number in range(137):
            intent = number % 2 == 0
            found.append({
                "number": number, "at": self._ago((140 - number) * 300), "principal": "alice", "kind": "admin",
                "action": "overrides.create", "target": f"drain-{number // 2}", "details": {"reason": "a test"},
                "phase": "intended" if intent else "completed", **({} if intent else {"intent": number - 1})})
        return found

    def leaves(self, size: int) -> list[bytes]:
        return [hashlib.sha256(b"\0" + json.dumps(entry).encode()).digest() for entry in self.entries[:size]]

    def tell(self, kind: str, subject: str, summary: str, severity: str | None = None, **details) -> None:
        with self.lock:
            self.events.append({
                "id": len(self.events) + 1, "at": stamp(time.time()), "type": kind, "subject": subject,
                "summary": summary, "details": details, "by": "alice", **({"severity": severity} if severity else {})})


# RFC 9162, for the audit page's proof.

def root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root(leaves[:split]) + root(leaves[split:])).digest()


def consistency(old: int, leaves: list[bytes], is_whole: bool = True) -> list[bytes]:
    if old == len(leaves):
        return [] if is_whole else [root(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if old <= split:
        return consistency(old, leaves[:split], is_whole) + [root(leaves[split:])]
    return consistency(old - split, leaves[split:], False) + [root(leaves[:split])]


class Drills:
    """One that runs, one that passed, one that failed, and a table-top."""

    def __init__(self, world: World):
        self.world = world
        self.halted = None
        now = world.start
        self.schedules = [
            {"name": "weekly", "plan": "kill-primary", "route": "assistant", "fault": "refuse", "announce": "1d",
             "next_at": stamp(now + 80_000), "last_at": stamp(now - 90_000), "last_outcome": "started",
             "last_drill": "drill-2", "missed": 0},
            {"name": "monthly", "plan": "kill-vendor", "fault": "503", "next_at": stamp(now + 900_000),
             "last_at": stamp(now - 900_000), "last_outcome": "refused", "missed": 1,
             "last_problem": "a roll-out was under way"}]
        self.items = [
            self._made("drill-4", "kill-primary", "fault", now - 18),
            self._made("drill-3", "tabletop", "tabletop", now - 900),
            self._made("drill-2", "kill-primary", "done", now - 90_000, "pass"),
            self._made("drill-1", "kill-vendor", "done", now - 190_000, "fail")]

    @staticmethod
    def counts(answered=0, degraded=0, lost=0, shed=0) -> dict:
        return {"answered": answered, "degraded": degraded, "lost": lost, "shed": shed}

    def seconds(self, until: int, lost: int) -> list[dict]:
        source = random.Random(7)
        found = []
        for second in range(-6, until):
            total = 14 + source.randrange(5)
            if second < 0 or second > 32:
                found.append({"second": second, "counts": self.counts(total)})
            elif second < 2:
                found.append({"second": second, "counts": self.counts(4, total - 4 - lost, lost, 2 if lost else 0)})
            else:
                found.append({"second": second, "counts": self.counts(1, total - 1)})
        return found

    def _made(self, name: str, plan: str, phase: str, began: float, verdict: str | None = None) -> dict:
        view = {"id": name, "plan": plan, "author": "alice", "reason": "does the standby carry it?", "phase": phase,
                "is_announced": True, "generation": 7, "began_at": stamp(began), "because": [], "seconds": [],
                "gateways": [], "steps": []}
        if plan == "tabletop":
            view["steps"] = [
                {"text": "Who is called first, and does the number work?", "done_at": stamp(began + 60),
                 "done_by": "alice", "note": "answered after two rings"},
                {"text": "Is the runbook readable with the wiki down?"}, {"text": "Who decides to restrict?"}]
            return view
        view |= {"route": "assistant", "fault_at": stamp(began + 6), "override_id": f"fault-{name}", "order": {
            "fault": "refuse", "target": "deployment", "name": "openai/large", "route": "assistant",
            "share_percent": 100, "lease_milliseconds": 60_000, "delay_milliseconds": 5_000, "probes_per_second": 2,
            "baseline_milliseconds": 6_000, "stop_lost_critical": 10, "stop_lost_percent": 50}}
        if verdict:
            bad = verdict == "fail"
            view |= {"verdict": verdict, "ended_at": stamp(began + 60), "seconds": self.seconds(52, 5 if bad else 0),
                     "because": ["12 critical exchanges were lost", "recovery took 2.1 s, and the target is 1 s"]
                     if bad else ["no critical exchange was lost", "recovery took 412 ms; the target is 1 s"],
                     "measures": self.measures(bad), **({"mend": "give the route a second vendor"} if bad else {})}
        return view

    def measures(self, bad: bool) -> dict:
        return {"detected_after": 180, "acted_after": 181, "recovered_after": 2_100 if bad else 412,
                "recovery_time": 2_100 if bad else 412, "recovery_target": 1_000, "met": 480, "probes": 64,
                "baseline": self.counts(92), "critical": self.counts(40, 300, 12 if bad else 0),
                "standard": self.counts(20, 100), "deferrable": self.counts(3, 12, 0, 4),
                "answerers": [{"deployment": "anthropic/large", "count": 412},
                              {"deployment": "openai/large", "count": 63}], "is_steady_again": True}

    def view(self, drill: dict) -> dict:
        """One that runs goes on by the clock."""
        if drill["phase"] not in ("starting", "baseline", "fault", "recovery") or not drill.get("order"):
            return drill
        age = time.time() - datetime.fromisoformat(drill["began_at"]).timestamp() - 6
        lease = drill["order"]["lease_milliseconds"] / 1_000
        phase = "baseline" if age < 0 else "fault" if age < lease else "recovery"
        gateways = [{"id": "gw-1", "observation": {
            "order": drill["override_id"], "phase": phase, "age_milliseconds": int(age * 1_000), "met": 120,
            "recovery_is_final": False, "baseline": self.counts(92), "critical": self.counts(40, 100),
            "standard": self.counts(4, 40), "deferrable": self.counts(0, 3, 0, 1), "probes": 12, "answerers": [],
            "seconds": [], "is_steady_again": False}}, {"id": "gw-2"}]
        measures = self.measures(False) | {"recovery_time": None, "is_steady_again": False}
        return drill | {"phase": phase, "seconds": self.seconds(max(-5, int(age)), 1), "gateways": gateways,
                        "measures": {key: value for key, value in measures.items() if value is not None}}


class Map:
    """Follows from the routes, with what only an operator can say added."""

    def __init__(self, world: World):
        self.world = world

    def view(self) -> dict:
        components = []

        def add(kind, name, needs=(), domains=(), criticality="standard", **more):
            components.append({
                "id": f"{kind}:{name}", "kind": kind, "domains": list(domains), "sources": ["implied"],
                "criticality": criticality, "needs": [{"least": 1, "of": list(group)} for group in needs], **more})

        routes = self.world.routes
        add("service", "front desk", [["workload:triage"], ["workload:chat"]], criticality="critical",
            sources=["declared"], owner="team:platform", cost_per_minute="150", recovery_target="1s")
        for name, criticality in (("triage", "critical"), ("chat", "standard"), ("nightly", "deferrable")):
            own = routes[::3] if name == "triage" else routes[1::3] if name == "chat" else routes[2::3]
            add("workload", name, [[f"route:{route['name']}"] for route in own], criticality=criticality,
                **({"cost_per_minute": "120", "latency_tolerance": "2s"} if name == "triage" else {}))
        for route in routes:
            add("route", route["name"], [[f"deployment:{one}" for one in route["candidates"]]])
        providers = {}
        for deployment in self.world.deployments:
            name = deployment["id"].split("/")[0]
            providers[name] = deployment
            add("deployment", deployment["id"], [[f"provider:{name}"]])
        for name, deployment in providers.items():
            place = f"jurisdiction:{deployment['jurisdiction']}" if "jurisdiction" in deployment else "region:on-site"
            add("provider", name, [["dns:resolver"], ["network:uplink"]], [f"vendor:{deployment['vendor']}", place])
        add("dns", "resolver", domains=["network:uplink"], sources=["observed"])
        add("network", "uplink", sources=["declared"])
        tops = ["service:front desk", "workload:triage", "workload:chat"]
        return {"generation": 7, "observed": True, "components": components,
                "same": [{"failure": "network:uplink", "same": ["dns:resolver"]}],
                "cut_sets": [{"component": top, "more": 3 if top == tops[0] else 0, "exact_order": 3, "sets": [
                    ["network:uplink"], *([["jurisdiction:us", "vendor:mistral"]] if top != tops[2] else [])]}
                    for top in tops]}

    def assessment(self) -> dict:
        found = [
            {"id": "single-point-0123456", "kind": "single-point", "severity": "critical",
             "title": "One uplink carries everything", "subjects": ["network:uplink"],
             "reason": "network:uplink alone stops workload:triage, which is critical", "cost_per_minute": "150",
             "mend": "give the gateway a second way out", "stops": ["service:front desk", "workload:triage"]},
            {"id": "shared-fallback-77aa000", "kind": "shared-fallback", "severity": "warning",
             "title": "Fallback and primary share a vendor", "subjects": ["vendor:deepseek"],
             "reason": "deepseek/small and deepseek/large are of one vendor", "stops": ["route:embeddings"],
             "mend": "put another vendor between them"},
            {"id": "unknown-price-0c1d000", "kind": "unknown-price", "severity": "notice",
             "title": "A price is unknown", "subjects": ["deployment:mistral/small"], "stops": [],
             "reason": "nothing says what mistral/small costs", "mend": "name its price under deployments"},
            {"id": "one-person-5550000", "kind": "one-person", "severity": "warning", "title": "One person knows it",
             "subjects": ["person:alice"], "stops": [], "reason": "team:platform is alice alone",
             "mend": "name a second person", "acceptance": {
                 "reason": "bob begins in May", "until": "2027-05-31", "expired": False}}]
        return {"generation": 7, "day": "2026-11-29", "observed": True, "findings": found, "more_pairs": 2,
                "more_triples": 0, "exact_order": 3,
                "counts": {"critical": 1, "warning": 1, "notice": 1, "accepted": 1}}

    def without(self, names: list[str]) -> dict:
        first = self.world.routes[0]["name"]
        stops = len(names) > 1
        lines = [
            {"component": "workload:triage", "criticality": "critical", "state": "stops" if stops else "degraded",
             "cost_per_minute": "120", "carriers": []},
            {"component": f"route:{first}", "criticality": "critical", "state": "degraded", "carriers": [
                {"route": first, "deployment": "local/large", "primary": False, "state": "untested",
                 "capacity": [{"dimension": "concurrent", "all": 72, "left": 8}]}]},
            {"component": "workload:chat", "criticality": "standard", "state": "goes_on", "carriers": [
                {"route": "triage", "deployment": "anthropic/small", "primary": True, "state": "tested",
                 "capacity": []}]}]
        return {"generation": 7, "without": names, "lines": lines,
                "stopped": [*names, *(["workload:triage"] if stops else [])],
                **({"cost_per_minute": "120"} if stops else {})}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    world: World

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.answer()

    def answer(self) -> None:
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        if self.command == "GET" and (path == "/" or path.startswith("/console/")):
            return self.asset("index.html" if path == "/" else path.removeprefix("/console/"))
        world = self.world
        if world.silence:
            self.close_connection = True
            return None
        principal = self.principal()
        if path != "/v1/sign-in" and principal is None:
            return self.problem(401, "unauthorized", "No valid token", "a valid token of the management plane is needed",
                                "send `Authorization: Bearer hf_…`; an admin makes one with holdfast tokens create")
        for method, pattern, permission, handle in ROUTES:
            match = re.fullmatch(pattern, path)
            if not match or method != self.command:
                continue
            if permission and permission not in MAY[principal["kind"]]:
                return self.problem(403, "forbidden", "Not permitted",
                                    f"a token of the kind {principal['kind']} has not {permission}",
                                    "use a token of a kind that has it, or have it granted")
            if self.command == "POST":
                world.changes.append((path, principal["kind"] if principal else "", body))
            parameters = dict(part.split("=", 1) for part in query.split("&") if "=" in part)
            return handle(self, world, principal, match.groups(), parameters, body)
        return self.problem(404, "no-such-path", "Not found", "the API has no such path", "see /openapi.json")

    def principal(self) -> dict | None:
        token = self.headers.get("authorization", "").removeprefix("Bearer ")
        match = re.fullmatch(r"hf_(viewer|operator|auditor|admin)_(\w+)_stub", token)
        if not match or token in self.world.revoked:
            return None
        return {"kind": match[1], "principal": match[2], "permissions": MAY[match[1]],
                "expires_at": stamp(self.world.start + (300 if match[2] == "soon" else 28_800))}

    def asset(self, name: str) -> None:
        file = ASSETS / name
        if "/" in name or not file.is_file():
            return self.problem(404, "no-such-path", "Not found", "the API has no such path", "see /openapi.json")
        content = file.read_bytes()
        self.send_response(200)
        for field, value in (
                ("content-type", TYPES[file.suffix]), ("content-length", str(len(content))),
                ("cache-control", "no-cache"), ("content-security-policy", POLICY),
                ("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"),
                ("cross-origin-opener-policy", "same-origin")):
            self.send_header(field, value)
        self.end_headers()
        self.wfile.write(content)
        return None

    def json(self, value: object, status: int = 200, generation: int | None = None) -> None:
        self.send(status, json.dumps(value).encode(), "application/json", generation)

    def send(self, status: int, content: bytes, kind: str, generation: int | None = None) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.send_header("cache-control", "no-store")
        if generation is not None:
            self.send_header("etag", f'"{generation}"')
        self.end_headers()
        self.wfile.write(content)

    def nothing(self) -> None:
        self.send_response(204)
        self.end_headers()

    def problem(self, status, name, title, detail, mend, fields=None) -> None:
        view = {"type": f"urn:holdfast:problem:{name}", "title": title, "status": status, "detail": detail,
                "mend": mend, "instance": "6f2a7c0e-0000-4000-8000-000000000000", **({"fields": fields} if fields else {})}
        self.send(status, json.dumps(view).encode(), "application/problem+json")

    def stream(self, world: World) -> None:
        last = int(self.headers.get("last-event-id") or len(world.events))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            self.wfile.write(f"retry: 3000\nid: {last}\n\n".encode())
            beat = time.monotonic()
            while not world.silence:
                for event in world.events[last:]:
                    last = event["id"]
                    self.wfile.write(f"id: {last}\nevent: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
                if time.monotonic() - beat > 5:
                    beat = time.monotonic()
                    self.wfile.write(f": still here\nid: {last}\n\n".encode())
                self.wfile.flush()
                time.sleep(0.1)
        except OSError:
            pass


def page(items) -> dict:
    return {"items": items}


def sign_in(request, world, principal, names, query, body):
    if body.get("code") != world.code:
        return request.problem(401, "sign-in", "No valid code", "this sign-in link is not good: it was used, or is too old",
                               "make another one: holdfast console")
    world.code = None
    return request.json({"token": "hf_admin_console_stub", "kind": "admin", "expires_at": stamp(time.time() + 28_800)})


def make_override(request, world, principal, names, query, body):
    if not body["reason"].strip():
        return request.problem(422, "invalid", "The request is not valid", "reason: there is none", "say why",
                               [{"field": "reason", "message": "there is no reason", "mend": "say why"}])
    effect = body["effect"]
    if effect.get("provider") == "nobody":
        return request.problem(422, "invalid", "The request is not valid", "provider: there is no provider nobody",
                               "name one of the configuration",
                               [{"field": "provider", "message": "there is no provider 'nobody'", "mend": "name one"}])
    made = {"id": f"{effect['kind']}-new{len(world.overrides)}", "effect": effect, "author": principal["principal"],
            "reason": body["reason"], "created_at": int(time.time() * 1000),
            "expires_at": int(time.time() * 1000) + 3_600_000}
    world.overrides.insert(0, made)
    world.tell("override.created", made["id"], f"{made['id']} by alice: {body['reason']}")
    return request.json(made, 201, 8)


def clear_override(request, world, principal, names, query, body):
    for one in world.overrides:
        if one["id"] == names[0]:
            one["ended_at"] = int(time.time() * 1000)
            one["ended_by"] = principal["principal"]
            return request.json(one)
    return request.problem(404, "not-found", "Not found", "there is no such override", "list them to see the ids")


def generation(request, world, principal, names, query, body):
    number = len(world.generations) if names[0] == "newest" else int(names[0])
    return request.json(world.generations[number - 1], generation=len(world.generations))


def publish(request, world, principal, names, query, body):
    if request.headers.get("if-match") != f'"{len(world.generations)}"':
        return request.problem(409, "conflict", "This cannot be done now", "there is a newer generation", "look at it")
    if "routes:" not in body["document"]:
        return request.problem(422, "invalid", "The request is not valid", "holdfast.yaml:1:1: there is no route",
                               "add a section routes",
                               [{"field": "document", "message": "holdfast.yaml:1:1: there is no route",
                                 "mend": "add a section routes"}])
    made = {"number": len(world.generations) + 1, "made_at": stamp(time.time()), "author": principal["principal"],
            "reason": body["reason"], "name": body["name"], "overrides": [], "document": body["document"]}
    world.generations.append(made)
    return request.json(made, 201, made["number"])


def roll_back(request, world, principal, names, query, body):
    old = world.generations[body["to"] - 1]
    made = old | {"number": len(world.generations) + 1, "made_at": stamp(time.time()), "reason": body["reason"]}
    world.generations.append(made)
    return request.json(made, 201, made["number"])


def settle(phase):
    def handle(request, world, principal, names, query, body):
        world.rollout = world.rollout | {"phase": phase, "detail": f"{principal['principal']} has decided"}
        return request.json(world.rollout)
    return handle


def create(kind, text):
    def handle(request, world, principal, names, query, body):
        listed = getattr(world, kind)
        if any(one["id"] == body["id"] for one in listed):
            return request.problem(409, "conflict", "This cannot be done now", "there is, or was, one of this id",
                                   "use another id: an id means one for ever")
        made = {"note": "", "grants": [], "made_by": principal["principal"], "made_at": stamp(time.time()),
                "expires_at": stamp(time.time() + 90_000), **body, text: f"hf_secret_{body['id']}_shown-once"}
        listed.append({key: value for key, value in made.items() if key != text})
        return request.json(made, 201)
    return handle


def revoke(kind):
    def handle(request, world, principal, names, query, body):
        for one in getattr(world, kind):
            if one["id"] == names[0]:
                one |= {"revoked_at": stamp(time.time()), "revoked_by": principal["principal"]}
        return request.nothing()
    return handle


def audit_page(request, world, principal, names, query, body):
    start, limit = int(query.get("after", 0)), int(query["limit"])
    return request.json(page(world.entries[start:start + limit]))


def checkpoint(request, world, principal, names, query, body):
    leaves = world.leaves(len(world.entries))
    text = f"holdfast.control/stub\n{len(leaves)}\n{base64.b64encode(root(leaves)).decode()}\n\n— stub AAAA\n"
    return request.send(200, text.encode(), "text/plain; charset=utf-8")


def consistency_proof(request, world, principal, names, query, body):
    old, size = int(query["from"]), int(query["size"])
    leaves = world.leaves(size)
    hashes = [base64.b64encode(one).decode() for one in consistency(old, leaves)]
    return request.json({"size": size, "root": "", "from": old, "from_root": "", "hashes": hashes})


def test_receiver(request, world, principal, names, query, body):
    if names[0] == "bus":
        return request.problem(502, "receiver", "The receiver did not take it", "it answered 503",
                               "check the receiver's address, format and authorization in control.notifications")
    return request.json(world.receivers[0])


def event_list(request, world, principal, names, query, body):
    if "text/event-stream" in request.headers.get("accept", ""):
        return request.stream(world)
    return request.json({"items": world.events[-200:], "next": str(len(world.events)), "gap": False})


def drill_list(request, world, principal, names, query, body):
    return request.json(page([world.drills.view(drill) for drill in world.drills.items]))


def drill(request, world, principal, names, query, body):
    for one in world.drills.items:
        if one["id"] == names[0]:
            return request.json(world.drills.view(one))
    return request.problem(404, "not-found", "Not found", "there is no such drill", "list them to see the ids")


def start_drill(request, world, principal, names, query, body):
    if body["plan"] != "tabletop" and body.get("route") == "nowhere":
        return request.problem(422, "invalid", "The request is not valid", "route: there is no route nowhere", "name one",
                               [{"field": "route", "message": "there is no route 'nowhere'", "mend": "name one"}])
    made = world.drills._made(f"drill-{len(world.drills.items) + 1}", body["plan"],
                              "tabletop" if body["plan"] == "tabletop" else "starting", time.time())
    made["reason"] = body["reason"]
    if "steps" in body:
        made["steps"] = [{"text": step} for step in body["steps"]]
    world.drills.items.insert(0, made)
    return request.json(made, 201)


def stop_drill(request, world, principal, names, query, body):
    for one in world.drills.items:
        if one["id"] == names[0]:
            one |= {"phase": "done", "verdict": "inconclusive", "because": [f"stopped: {body['reason']}"],
                    "ended_at": stamp(time.time())}
            return request.json(one)
    return request.problem(404, "not-found", "Not found", "there is no such drill", "list them to see the ids")


def tick(request, world, principal, names, query, body):
    one = next(one for one in world.drills.items if one["id"] == names[0])
    one["steps"][int(names[1]) - 1] |= {"done_at": stamp(time.time()), "done_by": principal["principal"], **body}
    return request.json(one)


def evidence(request, world, principal, names, query, body):
    return request.send(200, json.dumps({"drill": names[0], "signed": True}).encode(), "application/json")


def lever(is_halted):
    def handle(request, world, principal, names, query, body):
        world.drills.halted = {"halted": True, "by": principal["principal"], "reason": body["reason"],
                               "since": stamp(time.time())} if is_halted else None
        return request.json(world.drills.halted or {"halted": False})
    return handle


def without(request, world, principal, names, query, body):
    return request.json(world.map.without(unquote(query["domains"]).split(",")))


def exchange_list(request, world, principal, names, query, body):
    return request.json(world.exchanges({name: unquote(value) for name, value in query.items()}))


def exchange(request, world, principal, names, query, body):
    for one in world.exchanges({})["items"]:
        if one["receipt"]["id"] == names[0]:
            return request.json(one)
    return request.problem(404, "not-found", "Not found", "no gateway has told of this exchange, or it is too long ago",
                           "each gateway remembers its own: ask for it at its operations listener (gw-1 at 10.0.0.1:8081)")


def figures(request, world, principal, names, query, body):
    if not world.figures:
        return request.problem(404, "no-such-path", "Not found", "the API has no such path", "see /openapi.json")
    return request.json(world.figures_view())


def shows(read, permission):
    return permission, lambda request, world, principal, names, query, body: request.json(read(world))


ROUTES = [
    ("POST", "/v1/sign-in", None, sign_in),
    ("GET", "/v1/session", "session.read", lambda request, world, principal, *rest: request.json(principal)),
    ("POST", "/v1/sign-in-links", "tokens.create", lambda request, world, principal, names, query, body: request.json(
        {"code": "x" * 32, "kind": body.get("kind", "admin"), "expires_at": stamp(time.time() + 900)}, 201)),
    ("GET", "/v1/status", "gateways.read",
     lambda request, world, principal, *rest: request.json(world.status(principal))),
    ("GET", "/v1/gateways", *shows(lambda world: page(world.gateways()), "gateways.read")),
    ("GET", "/v1/figures", "gateways.read", figures),
    ("GET", "/v1/alerts", *shows(lambda world: page(world.alerts()), "events.read")),
    ("GET", "/v1/fallbacks", *shows(lambda world: page(world.fallbacks()), "drills.read")),
    ("GET", "/v1/events", "events.read", event_list),
    ("GET", "/v1/overrides", *shows(lambda world: page(world.overrides), "overrides.read")),
    ("POST", "/v1/overrides", "overrides.create", make_override),
    ("POST", "/v1/overrides/([^/]+)/clear", "overrides.clear", clear_override),
    ("GET", "/v1/generations", *shows(
        lambda world: page([{**one, "document": None} for one in reversed(world.generations)]), "snapshots.read")),
    ("GET", "/v1/generations/([^/]+)", "snapshots.read", generation),
    ("POST", "/v1/generations", "snapshots.publish", publish),
    ("POST", "/v1/rollback", "snapshots.rollback", roll_back),
    ("GET", "/v1/rollout", *shows(lambda world: {"rollout": world.rollout}, "rollouts.read")),
    ("POST", "/v1/rollout/release", "rollouts.release", settle("spreading")),
    ("POST", "/v1/rollout/return", "rollouts.return", settle("returned")),
    ("GET", "/v1/keys", *shows(lambda world: page(world.keys), "keys.read")),
    ("POST", "/v1/keys", "keys.create", create("keys", "key")),
    ("POST", "/v1/keys/([^/]+)/revoke", "keys.revoke", revoke("keys")),
    ("GET", "/v1/tokens", *shows(lambda world: page(world.tokens), "tokens.read")),
    ("POST", "/v1/tokens", "tokens.create", create("tokens", "token")),
    ("POST", "/v1/tokens/([^/]+)/revoke", "tokens.revoke", revoke("tokens")),
    ("GET", "/v1/audit", "audit.read", audit_page),
    ("GET", "/v1/audit/checkpoint", "audit.read", checkpoint),
    ("GET", "/v1/audit/consistency", "audit.read", consistency_proof),
    ("GET", "/v1/drills", "drills.read", drill_list),
    ("POST", "/v1/drills", "drills.start", start_drill),
    ("POST", "/v1/drills/halt", "drills.stop", lever(True)),
    ("POST", "/v1/drills/resume", "drills.start", lever(False)),
    ("GET", "/v1/drill-schedules", *shows(lambda world: page(world.drills.schedules), "drills.read")),
    ("GET", "/v1/exchanges", "exchanges.read", exchange_list),
    ("GET", "/v1/exchanges/([^/]+)", "exchanges.read", exchange),
    ("GET", "/v1/drills/([^/]+)", "drills.read", drill),
    ("POST", "/v1/drills/([^/]+)/stop", "drills.stop", stop_drill),
    ("POST", "/v1/drills/([^/]+)/steps/([0-9]+)", "drills.start", tick),
    ("GET", "/v1/drills/([^/]+)/evidence", "evidence.read", evidence),
    ("GET", "/v1/map", *shows(lambda world: world.map.view(), "findings.read")),
    ("GET", "/v1/assessment", *shows(lambda world: world.map.assessment(), "findings.read")),
    ("GET", "/v1/assessment/without", "findings.read", without),
    ("GET", "/v1/notifications", *shows(lambda world: page(world.receivers), "events.read")),
    ("POST", "/v1/notifications/([^/]+)/test", "notifications.test", test_receiver),
    ("GET", "/v1/backups", *shows(lambda world: page(world.backups), "backups.read")),
    ("POST", "/v1/backups", "backups.create",
     lambda request, world, *rest: request.json(world.backups[0], 201)),
    ("POST", "/v1/backups/([^/]+)/verify", "backups.verify",
     lambda request, world, *rest: request.json(world.backups[0])),
]


class StubControl:
    def __init__(self, world: World, port: int = 0):
        self.world = world
        handler = type("Bound", (Handler,), {"world": world})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, default=8190)
    arguments.add_argument("--deployments", type=int, default=9)
    given = arguments.parse_args()
    stub = StubControl(World(given.deployments), given.port)
    threading.Event().wait()
