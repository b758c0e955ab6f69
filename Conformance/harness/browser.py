"""A real Chromium, headless, that remembers everything that a page asks for and complains about."""
import json
import shutil
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from harness.waiting import wait_until

# Of waits that a healthy page ends in some ten seconds at the most: it says "not live" after nine.
BOUND_SECONDS = 60
CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
# Nothing that it does for itself: no updates, no first run, no look-ups; and none of the machine's own sandboxing,
# which needs what a container may not have.
SWITCHES = [
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
]


class Browser:
    def __init__(self, work: Path):
        assert CHROMIUM and DRIVER, "no browser here: make conformance installs chromium and chromium-driver"
        self.shots = work / "console"
        self.shots.mkdir(exist_ok=True)
        self.downloads = work / "downloads"
        self.downloads.mkdir(exist_ok=True)
        options = Options()
        options.binary_location = CHROMIUM
        for switch in SWITCHES:
            options.add_argument(switch)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        options.add_experimental_option("prefs", {"download.default_directory": str(self.downloads)})
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        self.origin = ""
        self.width = 0
        self.resize(1440, 900)

    def stop(self) -> None:
        self.driver.quit()

    # What it looks like

    def resize(self, width: int, height: int = 900) -> None:
        self.width = width
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})

    def prefer(self, **features: str) -> None:
        """Media features, such as `prefers_color_scheme="dark"`."""
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": name.replace("_", "-"), "value": value} for name, value in features.items()]})

    def shoot(self, name: str, most: int = 4_000) -> None:
        """The whole page."""
        height = self.run("return document.documentElement.scrollHeight")
        self.resize(self.width, min(max(height, 600), most))
        self.driver.save_screenshot(str(self.shots / f"{name}.png"))
        self.resize(self.width)

    # Where it is

    def open(self, origin: str, fragment: str = "") -> None:
        """Anew, as in a new tab."""
        self.leave()
        self.origin = origin
        self.driver.get(f"{origin}/{fragment}")

    def leave(self) -> None:
        """To no page: the one before asks for nothing any more."""
        self.driver.get("about:blank")

    def sign_in(self, origin: str, token: str) -> None:
        self.open(origin)
        self.run("sessionStorage.clear(); localStorage.clear()")
        self.open(origin)
        self.wait("#token").send_keys(token + Keys.ENTER)
        self.wait("#nav a")

    def go(self, page: str) -> None:
        """To a page whose every panel has its answer."""
        self.run(f"location.hash = '#/{page}'")
        self.until(lambda: self.run(
            "return location.hash === arguments[0] && document.querySelector('main h1') !== null"
            " && !document.querySelector('main').innerText.includes('Asking…')", f"#/{page}"), f"the page {page}")

    def hold_still(self) -> None:
        """From now on the page draws nothing anew, and has drawn what was due."""
        self.run("""
            const frame = requestAnimationFrame; window.requestAnimationFrame = () => 0
            return new Promise(done => frame(() => done(true)))""")

    # What is there

    def run(self, script: str, *arguments):
        return self.driver.execute_script(script, *arguments)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def wait(self, selector: str) -> WebElement:
        return wait_until(lambda: next(iter(self.all(selector)), None), BOUND_SECONDS, selector, self.text)

    def text(self, selector: str = "body") -> str:
        """In one step: a page that lives puts other elements in the place of those that were found."""
        return self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def buttons(self, within: str = "main") -> list[dict]:
        """What they say, why they may not be used, and whether."""
        return self.run("""
            return [...document.querySelectorAll(arguments[0] + ' button')].map(button => ({
                text: button.innerText, title: button.title, disabled: button.getAttribute('aria-disabled') === 'true'}))""", within)

    def until(self, condition, what: str):
        return wait_until(condition, BOUND_SECONDS, what, self.text)

    def says(self, *words: str, within: str = "body") -> None:
        for word in words:
            self.until(lambda: word in self.text(within), f"'{word}' in {within}")

    # What a person does

    def press(self, label: str, within: str = "main", nth: int = 0) -> None:
        """The button or link of that name, by the keyboard."""
        script = """
            const [label, within, nth] = arguments
            const found = [...document.querySelectorAll(['button', 'a', 'summary'].map(tag => `${within} ${tag}`).join())]
                .filter(element => element.checkVisibility() && element.innerText.includes(label))[nth]
            found?.scrollIntoView({ block: 'center' })
            found?.focus()
            return found !== undefined && document.activeElement === found"""
        self.until(lambda: self.run(script, label, within, nth), f"something to press that says '{label}'")
        ActionChains(self.driver).send_keys(Keys.ENTER).perform()

    def fill(self, **values: str) -> None:
        """Fields of the dialog that is open, by their names."""
        for name, value in values.items():
            field = self.wait(f"dialog[open] [name={name}]")
            if field.tag_name == "select":
                self.run("arguments[0].value = arguments[1];"
                         "arguments[0].dispatchEvent(new Event('change', {bubbles: true}))", field, value)
            elif field.get_attribute("type") == "checkbox":
                if field.is_selected() != bool(value):
                    field.send_keys(Keys.SPACE)
            else:
                self.run("arguments[0].value = ''", field)
                field.send_keys(value)

    def submit(self) -> None:
        """And the dialog goes: it was done."""
        self.wait("dialog[open] button[type=submit]").click()
        # Gone, and not only closed: it gives the focus back when it goes.
        self.until(lambda: not self.all("dialog form"), "the dialog to go")

    def refused(self, *words: str) -> None:
        """And the dialog stays, and says why."""
        self.wait("dialog[open] button[type=submit]").click()
        self.says(*words, within="dialog[open]")

    def close_dialog(self) -> None:
        self.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
        self.until(lambda: not self.all("dialog"), "the dialog to go")

    # What it complains of

    def complaints(self) -> list[str]:
        """Since the last time: of scripts, of the policy, and of anything that was asked of another origin."""
        found = [f"{entry['level']} {entry['source']}: {entry['message']}"
                 for entry in self.driver.get_log("browser") if entry["source"] != "network"]
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                if not url.startswith((f"{self.origin}/", "blob:", "about:")):
                    found.append(f"asked another origin: {url}")
            if message["method"] == "Network.responseReceived":
                answer = message["params"]["response"]
                if "/console/" in answer["url"] and answer["status"] not in (200, 304):
                    found.append(f"{answer['status']}: {answer['url']}")
        return found
