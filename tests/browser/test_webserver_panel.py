"""The web server panel in a real browser: Start, a page of the server in the same browser, raw requests, Stop.

Pictures are looked at by people: ``NETLAB_SCREENSHOT=1`` makes docs/webserver-panel.png anew, nothing is compared with
it.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import statistics
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from netlab.widgets.rawbytes import to_bytes
from netlab.widgets.samples import SAMPLES
from netlab.widgets.tables import MOST
from netlab.widgets.words import WORDS
from tests.browser.conftest import ROOT, Browsing
from tests.browser.test_ping_panel import STOP_WITHIN, _colours, assert_quiet, focus, opened, says, status
from tests.plot.contrast import contrast

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PANEL = "panel = netlab.widgets.WebServerPanel(host='127.0.0.1')\npanel"
VIRTUAL = "panel = netlab.widgets.WebServerPanel(host='www')\npanel"


def served(browsing: Browsing, panel: str = PANEL) -> Any:
    return opened(browsing, "web.ipynb", panel)


def start(panel: Any) -> str:
    """Press Start; gives the server's URL."""
    panel.locator("button.netlab-run").click()
    says(panel, r"The server listens at http://\S+/\.")
    found = re.search(r"http://\S+/", status(panel).inner_text())
    assert found is not None
    return found[0]


def send(panel: Any, sample: str) -> None:
    """Choose a ready-made request and send it, as fast as somebody who waits until it is there."""
    text = next(each.text for each in SAMPLES if WORDS[each.key] == sample)
    panel.get_by_label("ready-made").select_option(label=sample)
    panel.locator("caption", has_text=f"What the server reads: {len(to_bytes(text))} bytes").wait_for()
    panel.locator("button.netlab-send").click()


def answered(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def test_by_mouse(browsing: Browsing) -> None:
    panel = served(browsing)
    url = start(panel)
    assert panel.locator("a", has_text="open http").get_attribute("href") == url

    # The browser itself asks: a page with a style sheet and a picture.
    other = browsing.page.context.browser.new_page()
    other.goto(url)
    assert other.locator("h1").inner_text() == "A small site"
    assert other.locator("img").evaluate("node => node.naturalWidth") == 16
    other.close()
    panel.locator("table.nl-data td", has_text="/picture.png").first.wait_for()
    panel.locator(".nl-moment", has_text=re.compile(r"Requests: [34], .* per second now\. .*200: 3")).wait_for()
    picture = panel.locator("figure img[alt*='3 × 200']:visible")
    picture.wait_for()
    assert picture.evaluate("node => node.naturalWidth") == 1400

    # A raw request: what the server reads, and what it answers, side by side.
    send(panel, "a blank before the colon")
    says(
        panel, r"Answer: 400 Bad Request, \d+ bytes\. Refused: whitespace before the colon of a field \(RFC 9112 5\.1\)"
    )
    read, came = panel.locator(".nl-beside .nl-scroll").nth(0), panel.locator(".nl-answer-bytes pre")
    assert "refused (400): whitespace" in read.locator("tr[aria-current]").inner_text()
    assert came.inner_text().startswith("HTTP/1.1 400 Bad Request\\r\\n")
    left, right = read.bounding_box(), panel.locator(".nl-answer-bytes").bounding_box()
    assert abs(left["y"] - right["y"]) < 5 and right["x"] > left["x"] + left["width"] - 5

    # One's own bytes.
    text = panel.locator("textarea")
    text.fill("GET /notes.txt HTTP/1.1\\r\\nHost: www\\r\\nRange: bytes=0-9\\r\\n\\r\\n")
    text.blur()
    panel.locator("td", has_text="only these bytes, please").wait_for()
    panel.locator("button.netlab-send").click()
    says(panel, r"Answer: 206 Partial Content")
    assert came.inner_text().endswith("\\r\\n\n0123456789")

    panel.locator("button.netlab-stop").click()
    says(panel, r"Stopped: the port is free again\. \d requests")
    panel.locator("button.netlab-run:enabled").wait_for()
    assert not answered(url)
    assert_quiet(browsing)


def test_the_log_grows_while_requests_come(browsing: Browsing) -> None:
    panel = served(browsing)
    url = start(panel)
    shown = panel.locator("table.nl-data", has=browsing.page.locator("caption", has_text="Log")).locator("tbody tr")
    seen = set()
    for number in range(1, 401):  # until it has been seen three times on its way
        assert answered(f"{url}{'notes.txt' if number % 3 else 'nothing'}")
        if number % 4 == 0:
            seen.add(shown.count())
        if len(seen - {0}) == 3:
            break
    assert len(seen - {0}) == 3 and max(seen) <= number, seen
    panel.locator(".nl-moment", has_text=re.compile(rf"Requests: {number}, .*200: \d+, 404: \d+")).wait_for()
    assert "The server listens" in status(panel).inner_text(), "requests of others are not read aloud"
    panel.locator("button.netlab-stop").click()
    says(panel, rf"Stopped: the port is free again\. {number} requests \(")
    assert shown.count() == min(number, MOST)
    assert_quiet(browsing)


def test_what_cannot_be_is_told(browsing: Browsing) -> None:
    panel = served(browsing)
    start(panel)
    panel.locator("button.netlab-send").click()
    says(panel, "Answer: 200 OK")
    panel.locator("button.netlab-stop").click()
    panel.locator("button.netlab-run:enabled").wait_for()
    panel.locator("figure img:visible").wait_for()

    def set_port(number: int) -> None:
        panel.get_by_label("port (0 = any)").fill(str(number))
        panel.get_by_label("port (0 = any)").press("Enter")
        says(panel, rf"port \(0 = any\): {number}")

    # A port that somebody has.
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        for button in ("netlab-run", "netlab-send"):
            set_port(taken)
            panel.locator(f"button.{button}").click()
            says(panel, rf"Not done: 127\.0\.0\.1:{taken} is in use by .* \(process {os.getpid()}\): stop that program")
            panel.locator("button.netlab-run:enabled").wait_for()
            set_port(0)
    panel.get_by_text("Nothing measured yet.").wait_for()  # the older log is not that of this Start
    assert panel.locator(".nl-moment", has_text="Requests:").count() == 0

    # A folder that is none.
    folder = panel.get_by_label("folder")
    for nowhere in ("/nowhere/at/all", ""):
        folder.fill(nowhere)
        folder.press("Enter")
        says(panel, f"folder: {nowhere}")
        panel.locator("button.netlab-run").click()
        says(panel, f"Not done: directory='{nowhere}': must be a folder that exists")
        panel.locator("button.netlab-run:enabled").wait_for()

    # Text that means no bytes: nothing is sent, nothing is started.
    text = panel.locator("textarea")
    text.fill("GET \\q HTTP/1.1")
    text.blur()
    panel.locator(".nl-beside .nl-alarm", has_text="a backslash begins").wait_for()
    panel.locator("button.netlab-send").click()
    says(panel, "Not done: .*a backslash begins")
    assert panel.locator("button.netlab-stop").is_disabled()
    assert_quiet(browsing)


def test_everything_by_keyboard(browsing: Browsing) -> None:
    panel = served(browsing)
    page = browsing.page
    panel.locator("input").first.focus()
    reached: list[str] = []
    for _ in range(40):
        at = page.evaluate(
            """() => {
                const node = document.activeElement;
                if (!node.closest('.netlab')) return null;
                const look = getComputedStyle(node);
                const label = node.closest('.widget-inline-hbox')?.querySelector('.widget-label');
                const name = (node.type === 'checkbox' ? node.parentElement.textContent
                    : node.getAttribute('aria-label') || label?.textContent || node.textContent).trim();
                return {name, outline: look.outlineStyle, width: parseFloat(look.outlineWidth)};
            }"""
        )
        if at is None:
            break
        reached.append(at["name"])
        assert at["outline"] == "solid" and at["width"] >= 2, f"focus on {at['name']} cannot be seen"
        page.keyboard.press("Tab")
    wanted = ["folder", "host", "port (0 = any)", "time for a head", "idle time", "time to take bytes", "Start"]
    wanted += ["ready-made", "request", "Send", "then close our direction", "What the server reads: 29 bytes"]
    assert set(wanted) <= set(reached), set(wanted) - set(reached)

    panel.locator("button.netlab-run").focus()
    page.keyboard.press("Enter")
    says(panel, "The server listens at")
    page.keyboard.press("Tab")
    assert panel.locator("button.netlab-stop").evaluate("node => node === document.activeElement"), "Stop comes next"
    panel.get_by_label("ready-made").focus()
    page.keyboard.press("ArrowDown")
    panel.locator("button.netlab-send").focus()
    page.keyboard.press("Space")
    says(panel, "Answer: 200 OK")
    panel.locator("textarea").focus()  # what is typed is sent as it is, Tab leads to Send
    page.keyboard.press("Control+a")
    page.keyboard.type("GET /picture.png HTTP/1.1\\r\\nHost : www\\r\\n\\r\\n")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    says(panel, r"Answer: 400 Bad Request, \d+ bytes\. Refused: whitespace before the colon")
    panel.locator("button.netlab-stop").focus()
    page.keyboard.press("Enter")
    says(panel, "Stopped")
    panel.locator("button.netlab-run:enabled").wait_for()
    page.keyboard.press("Shift+Tab")
    assert panel.locator("button.netlab-run").evaluate("node => node === document.activeElement"), "and Start before it"
    assert_quiet(browsing)


def test_stop_reaches_the_status_line_in_time(browsing: Browsing) -> None:
    panel = served(browsing)
    took = []
    for _ in range(5):
        url = start(panel)
        assert answered(url)
        took.append(
            panel.evaluate(
                """panel => new Promise((done, fail) => {
                    setTimeout(() => fail(new Error('Stop never reached the status line')), 10000);
                    const line = [...panel.querySelectorAll('[role=status]')][0].closest('.widget-html');
                    let begun;
                    new MutationObserver((_, watcher) => {
                        if (/Stopped/.test(line.textContent)) { watcher.disconnect(); done(performance.now() - begun); }
                    }).observe(line, {childList: true, subtree: true, characterData: true});
                    begun = performance.now();
                    panel.querySelector('button.netlab-stop').click();
                })"""
            )
        )
        panel.locator("button.netlab-run:enabled").wait_for()
        assert not answered(url)
    print(f"Stop to status line, ms: {', '.join(f'{each:.0f}' for each in took)}")
    assert statistics.median(took) < STOP_WITHIN, took


def test_on_a_virtual_host(browsing: Browsing) -> None:
    panel = served(browsing, VIRTUAL)
    assert start(panel) == "http://www/"
    send(panel, "two requests at once")
    says(panel, r"2 answers: 200 OK, 200 OK")
    panel.locator("table.nl-data td", has_text="/notes.txt").first.wait_for()
    panel.locator("table.nl-data caption", has_text="Log, the newest first: virtual:campus").wait_for()
    assert panel.locator("a", has_text="open http").count() == 0
    panel.locator("button.netlab-stop").click()
    says(panel, "Stopped: the port is free again. 2 requests")
    assert_quiet(browsing)


def test_the_stream_view(browsing: Browsing) -> None:
    make = "panel = netlab.widgets.WebServerPanel(view='stream', writes=[700, 900, 300], mss=536)\npanel"
    panel = served(browsing, make)
    panel.locator("button", has_text="Look at the segments").click()
    panel.locator("button.netlab-run").click()
    says(panel, r"Done\. \d calls gave .* bytes\.")
    panel.locator("figure img[alt*='begins with SYN']:visible").wait_for()
    assert panel.locator("figure img:visible").count() == 3
    # A smaller limit of recv: more calls.
    before = panel.locator("table.nl-data td", has_text="recv").count()
    focus(panel, "recv limit (bytes)")
    browsing.page.keyboard.press("Home")
    says(panel, r"recv limit \(bytes\): 50")
    panel.locator("button.netlab-run").click()
    says(panel, r"Done\. [3-9]\d calls gave")
    assert panel.locator("table.nl-data td", has_text="recv").count() > before
    assert_quiet(browsing)


def test_a_cell_run_again_and_a_restart_free_the_port(browsing: Browsing) -> None:
    page = browsing.page
    panel = served(browsing)
    first = start(panel)
    port = int(first.rstrip("/").rpartition(":")[2])
    again = browsing.run_cell(1).locator(".jp-OutputArea-output .netlab").first
    again.locator("button.netlab-run").wait_for(timeout=30_000)
    assert "Ready" in status(again).inner_text() and not answered(first)
    again.get_by_label("port (0 = any)").fill(str(port))
    again.get_by_label("port (0 = any)").press("Enter")
    assert start(again) == first
    page.get_by_role("button", name="Restart the kernel", exact=True).click()
    page.locator(".jp-Dialog button.jp-mod-accept").click()
    page.locator(".jp-Dialog").wait_for(state="detached")
    browsing.wait_until_idle()
    assert not answered(first), "a restart frees the port"
    browsing.run_cell(0)
    last = browsing.run_cell(1).locator(".jp-OutputArea-output .netlab").first
    start(last)
    page.keyboard.press("Control+s")
    page.wait_for_timeout(1000)
    saved = (browsing.lab.folder / "web.ipynb").read_text("utf-8")
    assert "<netlab panel: web server on 127.0.0.1>" in saved and "widget-state" not in saved
    assert_quiet(browsing)


def test_zoom_dark_and_forced_colours(browsing: Browsing) -> None:
    page = browsing.page
    panel = served(browsing)
    start(panel)
    send(panel, "a plain GET")
    says(panel, "Answer: 200 OK")

    # 200 % zoom of a window of 1280 x 1000 is a page of 640 x 500.
    page.keyboard.press("Control+b")
    page.set_viewport_size({"width": 640, "height": 500})
    page.wait_for_timeout(500)
    edges = panel.evaluate(
        """panel => {
            const right = panel.getBoundingClientRect().right;
            const parts = 'button, input, select, textarea, img, .nl-scroll, .noUi-target, .widget-readout';
            return [...panel.querySelectorAll(parts + ', [role=status]')]
                .filter(node => node.offsetParent !== null)
                .filter(node => node.getBoundingClientRect().right > right + 1)
                .map(node => node.outerHTML.slice(0, 80));
        }"""
    )
    assert edges == [], "sticks out of the panel at 200 %"
    page.set_viewport_size({"width": 1280, "height": 1000})

    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        page.get_by_text("Settings", exact=True).click()
        page.get_by_text("Theme", exact=True).hover()
        page.get_by_text(theme, exact=True).click()
        page.wait_for_function(f"() => document.body.dataset.jpThemeName === '{theme}'")
        page.wait_for_timeout(500)
        for text, ground in _colours(panel):
            assert contrast(text, ground) >= 4.5, f"{text} on {ground} in {theme}"
    page.emulate_media(forced_colors="active", reduced_motion="reduce")
    assert panel.locator("textarea").is_visible()
    assert_quiet(browsing)


@pytest.mark.skipif(
    "NETLAB_SCREENSHOT" not in os.environ, reason="set NETLAB_SCREENSHOT=1 to make docs/webserver-panel.png"
)
def test_make_the_picture_of_the_readme(browsing: Browsing) -> None:
    page = browsing.page
    page.set_viewport_size({"width": 1280, "height": 2200})
    # A folder beside the notebook: no path of this machine in the picture.
    shutil.copytree(ROOT / "netlab" / "widgets" / "site", browsing.lab.folder / "site")
    panel = served(browsing, PANEL.replace("WebServerPanel(", 'WebServerPanel("site", ', 1))
    page.keyboard.press("Control+b")
    start(panel)
    for sample, status_line in {
        "a plain GET": "Answer: 200 OK",
        "a file that does not exist": "Answer: 404",
        "the first ten bytes only": "Answer: 206",
        "two requests at once": "2 answers",
    }.items():
        send(panel, sample)
        says(panel, status_line)
    send(panel, "a blank before the colon")
    says(panel, "Refused")
    panel.locator("figure img[alt^='6 requests']:visible").wait_for()
    page.mouse.move(0, 0)
    folder = Path(os.environ.get("NETLAB_BROWSER_PICTURES") or Path(ROOT, "docs"))
    panel.screenshot(path=folder / "webserver-panel.png")
