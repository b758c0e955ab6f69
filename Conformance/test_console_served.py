"""The console as the binary serves it, in a real Chromium: a first start, the link that it prints, and what somebody does
then, with a gateway and a practice provider behind it."""
import json
import re
import urllib.request

import pytest

from harness.browser import Browser
from harness.control import Control
from harness.looking import contrasts, overflows, unnamed
from harness.waiting import wait_until

PAGES = ("overview", "map", "drills", "overrides", "configuration", "configuration/1", "exchanges", "events", "access",
         "audit", "backups")


@pytest.fixture(scope="module")
def control(work, practice):
    served = Control("console", {
        "providers": {name: {"base_url": practice.base_url, "network": "private"} for name in ("one", "two")},
        "routes": {"assistant": {"candidates": ["one/practice-large", "two/practice-large"]}},
        "workloads": {"triage": {"criticality": "critical", "routes": ["assistant"]}}}, work)
    served.start()
    try:
        yield served
    finally:
        served.stop()


@pytest.fixture(scope="module")
def gateway(control):
    served = control.enrolled_gateway("gateway-one", {})
    served.start()
    try:
        wait_until(lambda: control.get("/v1/gateways")["items"], 20, "a gateway that reports", control.child.log_tail)
        yield served
    finally:
        served.stop()


@pytest.fixture(scope="module")
def chromium(work):
    browser = Browser(work)
    try:
        yield browser
    finally:
        browser.stop()


@pytest.fixture
def browser(chromium):
    chromium.resize(1440)
    chromium.complaints()
    yield chromium
    assert chromium.complaints() == []


@pytest.fixture
def admin(browser, control, gateway):
    browser.sign_in(control.url, control.admin)
    return browser


def printed_link(control: Control) -> str:
    links = re.findall(r"http://\S+/#sign-in=\S+", control.child.log_path.read_text())
    assert len(links) == 1, links
    return links[0]


def test_the_first_start_prints_a_link_that_signs_in_once(browser, control):
    link = printed_link(control)
    assert link.startswith(f"{control.url}/#sign-in=")
    code = link.split("=", 1)[1]
    browser.open(control.url, f"#sign-in={code}")
    browser.says("console-", "admin", within=".who")
    assert code not in browser.run("return location.href + JSON.stringify([sessionStorage, localStorage])")
    assert browser.run("return document.cookie") == ""
    browser.press("Sign out", within=".who")
    browser.open(control.url, f"#sign-in={code}")
    browser.says("This link is not good", "holdfast console")


def test_the_command_prints_another_one(browser, control):
    printed = control.command("console", "--kind", "viewer")
    assert printed.returncode == 0, printed.stderr
    browser.open(control.url, printed.stdout.strip().removeprefix(f"{control.url}/"))
    browser.says("viewer", within=".who")
    assert "Audit" not in [link.text for link in browser.all("#nav a")]


def test_the_policy_lets_nothing_else_in(admin):
    """A script and a style of the page's own, text as HTML and a picture of another origin: none of it may work."""
    answer = urllib.request.urlopen(f"{admin.origin}/", timeout=10)
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert admin.run("""
        try { document.body.insertAdjacentHTML('beforeend', '<b>x</b>'); return 'taken' } catch { return 'refused' }""") == "refused"
    admin.run("""
        const style = document.createElement('style'); style.textContent = 'body { display: none }'; document.head.append(style)""")
    assert admin.run("return getComputedStyle(document.body).display") == "block"
    refused = admin.complaints()
    assert len(refused) >= 2 and all("Content Security Policy" in one or "TrustedHTML" in one for one in refused), refused


@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_is_whole(admin, width):
    admin.resize(width)
    for page in PAGES:
        admin.go(page)
        text = admin.text("main")
        for word in ("undefined", "NaN", "[object", "null"):
            assert word not in text, f"{page}: {word}"
        assert overflows(admin) == [], page
        assert unnamed(admin) == [], page
        assert contrasts(admin) == [], page
        admin.shoot(f"served-{page.replace('/', '-')}-{width}")


def test_what_goes_through_a_gateway_shows(admin, control, gateway):
    admin.go("overview")
    admin.says("gateway-one", "ready", within="main")
    admin.says("1 of 1", within=".tiles")


def test_an_override_is_made_in_the_browser_and_holds_at_the_gateway(admin, control, gateway):
    admin.go("overrides")
    admin.press("Drain…")
    admin.fill(provider="nobody", reason="a test")
    admin.refused("there is no provider 'nobody'", "name one of")
    admin.fill(provider="one", reason="a test of the console")
    admin.submit()
    admin.says("drains provider one", "a test of the console", within="[aria-label='In force']")
    wait_until(lambda: gateway.state()["configuration"]["overrides"], 20, "the override at the gateway", gateway.state)
    admin.press("End it")
    admin.fill(reason="it is over")
    admin.submit()
    admin.says("a test of the console", within="[aria-label=Ended]")
    wait_until(lambda: not gateway.state()["configuration"]["overrides"], 20, "its end at the gateway", gateway.state)


def test_a_configuration_is_published_and_taken_back(admin, control):
    admin.go("configuration")
    admin.press("Publish…")
    admin.fill(reason="a note")
    document = admin.wait("dialog [name=document]")
    good = document.get_property("value")
    admin.run("arguments[0].value = 'version: 1\\nroute: {}\\n'", document)
    admin.refused("is not")
    admin.run("arguments[0].value = arguments[1]", document, good + "# a note\n")
    admin.submit()
    admin.says("0 lines gone, 1 new", within="main")
    assert control.get("/v1/generations/newest")["document"] == good + "# a note\n"
    admin.go("configuration/1")
    admin.press("Roll back to this…")
    admin.fill(reason="it was only a note")
    admin.submit()
    admin.until(lambda: control.get("/v1/generations/newest")["document"] == good, "the document before")


def test_a_key_is_issued_once_shown_and_revoked(admin, control):
    admin.go("access")
    admin.press("Issue a key…")
    admin.fill(id="night-shift", workload="triage", note="a test")
    admin.submit()
    secret = admin.text("dialog[open] .secret")
    assert re.fullmatch(r"hf_client_night-shift_\w+", secret)
    admin.close_dialog()
    assert secret not in admin.run("return document.documentElement.outerHTML")
    admin.press("Revoke…", within="[aria-label='Client keys']")
    admin.submit()
    admin.until(lambda: control.get("/v1/keys")["items"][0].get("revoked_at"), "its end")


def test_a_backup_is_made_and_the_log_is_the_log(admin):
    admin.go("backups")
    admin.press("Make one now")
    admin.says("verified", within="main")
    admin.go("audit")
    admin.says("nothing to compare with", within="main")
    admin.go("overview")
    admin.go("audit")
    admin.until(lambda: admin.text("main .panel .state") in ("unchanged", "grown, and nothing else"), "a proof")
    admin.says("backups.create", "sign-in.accepted", within="main")


def ask(gateway, key: str) -> str:
    """Once, through the gateway. Returns the exchange's id."""
    body = json.dumps({"model": "assistant", "messages": [{"role": "user", "content": "Say hello."}]}).encode()
    request = urllib.request.Request(
        f"{gateway.base_url}/chat/completions", data=body,
        headers={"content-type": "application/json", "authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers["x-request-id"]


def test_an_exchange_is_found_with_its_receipt(admin, control, gateway):
    admin.go("exchanges")
    # The page of keys has issued one, and from then on nobody goes without.
    issued = control.ask("POST", "/v1/keys", control.admin, {"id": "of-an-exchange", "workload": "triage"})
    assert issued.status == 201, issued.body
    control.wait_until_followed()
    name = ask(gateway, issued.json()["key"])
    admin.until(lambda: name[:12] in admin.text("[aria-label='The newest exchanges']"), "the exchange in the list")
    admin.go(f"exchanges/{name}")
    admin.says("answered", "practice-large", "Candidates, in order", within="main")
    admin.go("overview")
    admin.says("assistant", "practice-large", within="[aria-label=Routes]")


def test_the_map_says_what_stops_without_the_only_machine(admin, control):
    admin.go("map")
    admin.wait(".graph [data-id='route:assistant']")
    admin.wait(".graph [data-id='provider:one']").click()
    admin.press("What if it were gone?")
    admin.until(lambda: admin.all("[aria-label^='Without provider:one'] table, [aria-label^='Without provider:one'] .nothing"),
                "what would stop")
    admin.shoot("served-map-without")


@pytest.mark.long
def test_a_drill_is_run_from_the_page_to_its_verdict(admin, control, gateway):
    admin.go("drills")
    admin.press("Start a drill…")
    admin.fill(plan="kill-primary", route="assistant", lease="8s", probes="10", reason="does the second one carry it?")
    admin.submit()
    admin.says("of the lease are left", within="main")
    admin.shoot("served-drill-under-way")
    wait_until(lambda: admin.text(".verdict .state") in ("pass", "fail", "inconclusive"), 180, "a verdict", admin.text)
    assert admin.text(".verdict .state") == "pass", admin.text("main")
    admin.shoot("served-drill")
    admin.go("drills/fallbacks")
    admin.says("two/practice-large", "tested", within="main")


def test_events_arrive_by_themselves(admin, control):
    admin.go("events")
    admin.says("live", within=".liveness")
    made = control.ask("POST", "/v1/overrides", control.admin, {
        "effect": {"kind": "drain", "provider": "two"}, "reason": "from elsewhere", "for": "1h"})
    assert made.status == 201, made.body
    admin.says("from elsewhere", within="[aria-label='What happens']")
    control.ask("POST", f"/v1/overrides/{made.json()['id']}/clear", control.admin, {"reason": "done"})


def test_a_revoked_sign_in_is_over(browser, control):
    printed = control.command("console", "--kind", "operator")
    browser.open(control.url, printed.stdout.strip().removeprefix(f"{control.url}/"))
    browser.says("operator", within=".who")
    name = browser.text(".who b")
    control.ask("POST", f"/v1/tokens/{name}/revoke", control.admin)
    browser.says("The token is not good any more", within="main")


def test_management_that_is_stopped_is_said_to_be_silent(admin, control):
    admin.go("overview")
    admin.says("1 of 1", within=".tiles")
    control.child.freeze()
    try:
        admin.says("not live", within="main")
    finally:
        control.child.thaw()
    admin.until(lambda: not admin.all(".panel.stale"), "everything to be live again")
