"""What the management plane may never do: half a change, a change without its record, or forget what it has acknowledged.

Read through the API, after whatever happened to it."""
from __future__ import annotations

from dataclasses import dataclass, field

from fire.plane import API

_MAKES_GENERATION = {
    "snapshots.publish", "snapshots.rollback", "overrides.create", "overrides.clear", "restrictions.create",
    "restrictions.clear", "keys.create", "keys.revoke", "rollouts.return"}
# Of the last good document, signed once more under what has changed, while another is rolled out.
_AGAIN = "another document is rolled out: "


@dataclass
class Acknowledged:
    """What a client has seen a 2xx for."""

    generations: set[int] = field(default_factory=set)
    overrides: set[str] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    backups: set[str] = field(default_factory=set)

    def count(self) -> int:
        return len(self.generations) + len(self.overrides) + len(self.tokens) + len(self.keys) + len(self.backups)


@dataclass
class Ledger:
    audit: list[dict]
    generations: list[dict]
    overrides: list[dict]
    tokens: list[dict]
    keys: list[dict]
    backups: list[dict]
    newest: dict | None
    rollout: dict | None

    @staticmethod
    def read(api: API) -> Ledger:
        generations = api.all("/v1/generations")
        return Ledger(
            api.all("/v1/audit"), generations, api.all("/v1/overrides"), api.get("/v1/tokens")["items"],
            api.all("/v1/keys"), api.get("/v1/backups")["items"],
            api.get("/v1/generations/newest") if generations else None, api.get("/v1/rollout").get("rollout"))

    def completed(self, action: str) -> list[dict]:
        return [entry for entry in self.audit if entry["phase"] == "completed" and entry["action"] == action]

    def check(self, acknowledged: Acknowledged) -> None:
        self._check_log()
        self._check_changes()
        self._check_acknowledged(acknowledged)

    def _check_log(self) -> None:
        assert [entry["number"] for entry in self.audit] == list(range(len(self.audit)))
        ends: dict[int, list[str]] = {}
        for entry in self.audit:
            if entry["phase"] in ("completed", "failed", "interrupted"):
                ends.setdefault(entry["intent"], []).append(entry["phase"])
        for entry in self.audit:
            if entry["phase"] == "intended":
                found = ends.get(entry["number"], [])
                assert len(found) == 1, f"entry {entry['number']} ({entry['action']}) has the ends {found}"

    def _check_changes(self) -> None:
        numbers = sorted(generation["number"] for generation in self.generations)
        assert numbers == list(range(1, len(numbers) + 1)), f"generations with a gap: {numbers}"
        recorded = [entry for entry in self.audit
                    if entry["phase"] == "completed" and entry["action"] in _MAKES_GENERATION]
        # While a roll-out is under way a change is signed with both documents.
        assert len(recorded) <= len(numbers) <= 2 * len(recorded), (
            f"{len(recorded)} changes are recorded, and {len(numbers)} generations are there")
        reasons = {generation["reason"] for generation in self.generations}
        for reason in reasons:
            assert reason.removeprefix(_AGAIN) in reasons, f"half of a roll-out is there: {reason}"
        if self.rollout and self.rollout["phase"] in ("pending", "canary", "spreading"):
            assert self.rollout["proposed"] == self.newest["number"], self.rollout
            assert self.rollout["good"] in numbers, self.rollout
        created = {
            entry["target"]
            for entry in self.completed("overrides.create") + self.completed("restrictions.create")}
        assert {override["id"] for override in self.overrides} == created
        in_force = {override["id"] for override in self.overrides if not override.get("ended_at")}
        if self.newest:
            assert {override["id"] for override in self.newest["overrides"]} == in_force
        assert {token["id"] for token in self.tokens} == {
            entry["target"] for entry in self.completed("tokens.create")}
        assert {key["id"] for key in self.keys} == {entry["target"] for entry in self.completed("keys.create")}
        listed = {backup["id"] for backup in self.backups}
        for backup in self.backups:
            assert backup["state"] != "failed", f"half a backup is listed: {backup}"
        pruned = {entry["target"] for entry in self.audit if entry["action"] == "backups.prune"}
        for entry in self.completed("backups.create"):
            assert entry["target"] in listed | pruned, f"the backup {entry['target']} is recorded and not there"

    def _check_acknowledged(self, acknowledged: Acknowledged) -> None:
        def missing(wanted: set, there: set) -> set:
            return wanted - there

        assert not missing(acknowledged.generations, {generation["number"] for generation in self.generations})
        assert not missing(acknowledged.overrides, {override["id"] for override in self.overrides})
        assert not missing(acknowledged.tokens, {token["id"] for token in self.tokens})
        assert not missing(acknowledged.keys, {key["id"] for key in self.keys})
        pruned = {entry["target"] for entry in self.audit if entry["action"] == "backups.prune"}
        assert not missing(acknowledged.backups, {backup["id"] for backup in self.backups} | pruned)


class Operations:
    """The five kinds of change, each under a name of its own, and what of them was acknowledged."""

    KINDS = ("snapshot", "override", "token", "key", "backup")

    def __init__(self, document: str):
        self._document = document
        self.acknowledged = Acknowledged()
        self.refusals: list[dict] = []

    def run(self, kind: str, name: str, api: API) -> bool:
        """Whether it was acknowledged. `Gone` where no answer came."""
        if kind == "snapshot":
            answer = api.publish(f"{self._document}# {name}\n", reason=name)
        elif kind == "override":
            answer = api.drain("second", reason=name)
        elif kind == "token":
            answer = api.ask("POST", "/v1/tokens", {"id": name, "kind": "viewer"})
        elif kind == "key":
            answer = api.ask("POST", "/v1/keys", {"id": name, "workload": "night"})
        else:
            answer = api.ask("POST", "/v1/backups", {}, bound_seconds=60)
        if answer.status != 201:
            self.refusals.append({"status": answer.status, **answer.problem})
            return False
        made = answer.json()
        acknowledged = self.acknowledged
        {"snapshot": lambda: acknowledged.generations.add(made["number"]),
         "override": lambda: acknowledged.overrides.add(made["id"]),
         "token": lambda: acknowledged.tokens.add(made["id"]),
         "key": lambda: acknowledged.keys.add(made["id"]),
         "backup": lambda: acknowledged.backups.add(made["id"])}[kind]()
        return True

    def is_there(self, kind: str, name: str, ledger: Ledger) -> bool:
        if kind == "snapshot":
            return any(generation["reason"] == name for generation in ledger.generations)
        if kind == "override":
            return any(override["reason"] == name for override in ledger.overrides)
        return any(made["id"] == name for made in (ledger.keys if kind == "key" else ledger.tokens))
