"""The whole API of the management plane as schemathesis sees it: the document that the binary serves, and everything
that can be asked by it, in order and out of order, by every kind of token."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from harness.control import KINDS, Control
from harness.waiting import wait_until

# Fuzzed examples of each operation, besides those that the coverage phase derives from the document.
EXAMPLES = {"admin": 40}
EXAMPLES_OF_OTHERS = 8
# Against a run that hangs: admin's takes 100 s on two cores.
BOUND_SECONDS = 600

# Operations that may refuse what the document allows, since no schema can say what is right; everything else that is
# refused although its schema allows it is a failure.
SAID_BY_NO_SCHEMA = {
    "post_generations": "the configuration is a language of its own: `holdfast check` says what is wrong with it",
    "post_overrides": "what it names must be in the newest configuration, and each kind has fields of its own",
    "post_keys": "the workload must be one of the newest configuration",
    "post_sign_in": "the code must be one that was made, and not opened yet",
    "post_sign_in_links": "only so many may wait to be opened",
    "post_drills": "what it names must be in the newest configuration, each plan has fields of its own, and one runs at a time",
    "post_drills_id_steps_number": "each step of a table-top that is open is ticked once",
    "get_drills_id_evidence": "of a drill that is not over there is none",
    "get_assessment_without": "what it names must be on the map of the newest configuration",
    "post_pull": "a gateway reports each order of a drill once, whatever else it says of it",
    "post_tokens": "each kind has bounds for its life, and only automation is granted anything",
}

DOCUMENT = {
    "providers": {"one": {"base_url": "http://127.0.0.1:9/v1", "network": "private"}},
    "routes": {"assistant": {"candidates": ["one/model", "one/other"]}},
    "workloads": {"triage": {"criticality": "standard"}},
}
EFFECT = {"kind": "cap", "deployment": "one/model", "concurrent": 8}


@pytest.fixture(scope="module")
def control(work):
    served = Control("api", DOCUMENT, work)
    served.start()
    try:
        gateway = served.enrolled_gateway("api-gateway", {})
        gateway.start()
        try:
            wait_until(lambda: served.get("/v1/gateways")["items"], 20, "a gateway that reports", served.child.log_tail)
            override = {"effect": EFFECT, "reason": "a first one", "for": "1h"}
            made = served.ask("POST", "/v1/overrides", served.admin, override)
            assert made.status == 201, made.body
            yield served
        finally:
            gateway.stop()
    finally:
        served.stop()


@pytest.fixture(scope="module")
def document(control) -> dict:
    """As anybody gets it."""
    answer = control.ask("GET", "/openapi.json")
    assert answer.status == 200 and answer.headers["content-type"] == "application/json"
    return answer.json()


def operations(document: dict) -> list[tuple[str, str, dict]]:
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items() for method, operation in methods.items()]


def is_endless(operation: dict) -> bool:
    """A stream of events has no end that a fuzzer could wait for."""
    return any("text/event-stream" in response.get("content", {}) for response in operation["responses"].values())


def test_the_document_is_openapi(document):
    errors = [f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
              for error in OpenAPIV31SpecValidator(document).iter_errors()]
    assert not errors
    assert document["openapi"].startswith("3.1.")
    found = operations(document)
    assert len(found) >= 20
    names = [operation["operationId"] for _, _, operation in found]
    assert len(names) == len(set(names))
    for method, path, operation in found:
        name = f"{method} {path}"
        assert operation["summary"], name
        assert "security" in operation or path in ("/livez", "/openapi.json", "/v1/sign-in"), f"{name} is for everybody"
        assert "application/problem+json" in operation["responses"]["default"]["content"], name
        good = [status for status in operation["responses"] if status.startswith("2")]
        assert good, name
        for status in good:
            assert status == "204" or operation["responses"][status]["content"], f"{name} says not what {status} holds"


def test_nothing_is_let_in_without_a_token(control, document):
    for method, path, operation in operations(document):
        if "security" not in operation:
            continue
        answer = control.ask(method, path.replace("{id}", "x").replace("{number}", "1"))
        assert answer.status == 401, f"{method} {path}: {answer.status}"
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"


def settings(document: dict, examples: int) -> str:
    """Every check is on, but for what is written here."""
    lines = [
        "continue-on-failure = true", 'hooks = "harness.fuzzing"', "warnings = false",
        # The same requests in each run.
        "[generation]", "deterministic = true", f"max-examples = {examples}", 'database = "none"',
        "[cache]", "enabled = false",
        "[output.sanitization]", "enabled = false",
    ]
    known = {operation["operationId"] for _, _, operation in operations(document)}
    assert set(SAID_BY_NO_SCHEMA) <= known
    for name in SAID_BY_NO_SCHEMA:
        lines += [
            "[[operations]]", f'include-operation-id = "{name}"', "[operations.checks.positive_data_acceptance]",
            'expected-statuses = ["2xx", "401", "403", "404", "409", "422", "429"]']
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind == "admin" else pytest.mark.long) for kind in KINDS])
def test_every_answer_is_what_the_document_says(control, document, work, kind):
    identifier = f"fuzzing-{kind}"
    token = control.token(kind, identifier)
    config = work / f"schemathesis-{kind}.toml"
    config.write_text(settings(document, EXAMPLES.get(kind, EXAMPLES_OF_OTHERS)))
    report = work / f"schemathesis-{kind}.json"
    command = [
        str(Path(sys.executable).with_name("st")), "--config-file", str(config), "run", f"{control.url}/openapi.json",
        "--header", f"Authorization: Bearer {token}", "--no-color", "--report-json-path", str(report)]
    for _, _, operation in operations(document):
        if is_endless(operation):
            command += ["--exclude-operation-id", operation["operationId"]]
    ran = subprocess.run(
        command, capture_output=True, text=True, timeout=BOUND_SECONDS, cwd=Path(__file__).parent,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent),
             "CONFORMANCE_SPARED_TOKENS": f"first-admin,api-gateway,{identifier}"})
    (work / f"schemathesis-{kind}.log").write_text(ran.stdout + ran.stderr)
    assert ran.returncode == 0, ran.stdout[-20_000:] + ran.stderr[-2_000:]
    assert json.loads(report.read_text())
    # It was itself to the end, and the audit log is still what was signed.
    assert control.ask("GET", "/livez").status == 200
    status = control.ask("GET", "/v1/gateways", token).status
    assert status == (200 if kind in ("viewer", "operator", "approver", "admin") else 403)


def test_what_was_asked_has_broken_nothing(control, tmp_path):
    export = tmp_path / "audit.ndjson"
    done = control.command("audit", "export", str(export))
    assert done.returncode == 0, done.stderr
    assert "a request failed" not in control.child.log_path.read_text(), "a defect was met"
    assert control.get("/v1/status")["audit_entries"] > 100
