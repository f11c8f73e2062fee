"""A headless Chromium, spoken to over a pipe in its DevTools protocol: one page at a time, and all that it did."""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",  # there may be no user but root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--remote-debugging-pipe",
)
#: seconds until a silent browser is given up
PATIENCE = 60
#: it reads its commands from 3 and writes to 4
LAUNCHER = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
for place, end in zip((3, 4), ends):
    os.dup2(end, place)
    os.close(end)
os.execv(sys.argv[3], sys.argv[3:])
"""


class BrowserGone(Exception):
    """The program has ended, or is no browser: some systems have a stub of that name."""


def find():
    """The path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@dataclass
class Seen:
    """What a page did while it was open."""

    #: addresses that it asked for, and those that the browser refused to ask for
    requests: list = field(default_factory=list)
    refused: list = field(default_factory=list)
    complaints: list = field(default_factory=list)


class Browser:
    """Use as a context manager; it ends with it."""

    def __init__(self, program, profile):
        theirs_in, self.to = os.pipe()
        self.back, theirs_out = os.pipe()
        command = [sys.executable, "-c", LAUNCHER, str(theirs_in), str(theirs_out), program, *FLAGS]
        # what it says of missing buses and displays is no matter of the page's
        self.process = subprocess.Popen(
            [*command, f"--user-data-dir={profile}"],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self.unread, self.asked, self.events, self.session = b"", 0, [], None

    def __enter__(self):
        try:
            return self._begin()
        except BaseException:
            self._end()
            raise

    def _begin(self):
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.ask(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        self.session = None
        try:
            self.ask("Browser.close")
            self.process.wait(timeout=PATIENCE)
        finally:
            self._end()

    def _end(self):
        self.process.kill()
        self.process.wait()
        os.close(self.to)
        os.close(self.back)

    def look(self, url, *, width=1280, height=900, scheme="light", media="screen"):
        """Opens a page in a window of that size and colour scheme; gives what it did."""
        self.ask("Emulation.setScrollbarsHidden", hidden=True)
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("Emulation.setEmulatedMedia", media=media, features=features)
        self.events.clear()
        self.ask("Page.navigate", url=url)
        self.until("Page.loadEventFired")
        return self.seen()

    def seen(self):
        """What the page did since it was opened."""
        seen, asked = Seen(), {}
        for event in self.events:
            _note(seen, asked, event["method"], event["params"])
        return seen

    def tell(self, expression):
        """The value of a JavaScript expression in the page."""
        told = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def photograph(self):
        """What the window shows, as PNG."""
        return base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"])

    def ask(self, method, **params):
        """Sends a command and waits for its answer; events meanwhile are kept."""
        self.asked += 1
        message = {"id": self.asked, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        try:
            os.write(self.to, json.dumps(message).encode() + b"\0")
        except BrokenPipeError:
            raise BrowserGone from None
        while True:
            answer = self._read()
            if answer.get("id") == self.asked:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def until(self, method):
        """Waits for an event since the page was opened."""
        while not any(event["method"] == method for event in self.events):
            self.events.append(self._read())

    def _read(self):
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self.unread:
            assert select.select([self.back], [], [], max(0.0, deadline - time.monotonic()))[0], "the browser is silent"
            part = os.read(self.back, 1 << 20)
            if not part:
                raise BrowserGone
            self.unread += part
        message, _, self.unread = self.unread.partition(b"\0")
        return json.loads(message)


def _note(seen, asked, method, params):
    if method == "Network.requestWillBeSent":
        asked[params["requestId"]] = params["request"]["url"]
        seen.requests.append(params["request"]["url"])
    elif method == "Network.loadingFailed" and params.get("blockedReason") == "csp":
        seen.requests.remove(asked[params["requestId"]])
        seen.refused.append(asked[params["requestId"]])
    elif method == "Log.entryAdded":
        seen.complaints.append(params["entry"]["text"])
    elif method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
        seen.complaints.append(str(params))
