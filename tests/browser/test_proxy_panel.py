"""The proxy panel in a real browser: Start, one fetch on three ways, an exchange from both sides, Stop.

Pictures are looked at by people: ``NETLAB_SCREENSHOT=1`` makes docs/proxy-panel.png anew, nothing is compared with it.
"""

from __future__ import annotations

import os
import re
import statistics
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import ROOT, Browsing
from tests.browser.test_ping_panel import STOP_WITHIN, _colours, assert_quiet, focus, opened, says, status
from tests.plot.contrast import contrast

pytestmark = [pytest.mark.browser, pytest.mark.slow]

VIRTUAL = "panel = netlab.widgets.ProxyPanel(host='dns', origin_host='www')\npanel"
REAL = "panel = netlab.widgets.ProxyPanel(host='127.0.0.1')\npanel"


def proxied(browsing: Browsing, panel: str = VIRTUAL) -> Any:
    return opened(browsing, "proxy.ipynb", panel)


def start(panel: Any) -> str:
    """Press Start; gives the proxy's URL."""
    panel.locator("button.netlab-run").click()
    says(panel, r"The proxy listens at http://\S+/;")
    found = re.search(r"http://\S+/", status(panel).inner_text())
    assert found is not None
    return found[0]


def fetch(panel: Any, way: str = "all three") -> None:
    panel.get_by_label("way", exact=True).select_option(label=way)
    panel.locator("button.netlab-send").click()


def cells(panel: Any, caption: str) -> list[list[str]]:
    """The rows of the table with this caption."""
    table = panel.locator("table.nl-data", has=panel.page.locator("caption", has_text=caption)).first
    found: list[list[str]] = table.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.children].map(cell => cell.textContent))"
    )
    return found


def answered(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def test_by_mouse_in_a_world(browsing: Browsing) -> None:
    panel = proxied(browsing)
    assert start(panel) == "http://dns:8000/"
    fetch(panel)
    says(panel, r"direct: 200, 107200 bytes in .*; through the proxy: 200, 107200 bytes in .*; through CONNECT: 200")
    assert [row[0] for row in cells(panel, "What came on each way")] == [
        "direct",
        "through the proxy",
        "through CONNECT",
    ]
    assert [row[4] for row in cells(panel, "What came on each way")] == ["yes"] * 3
    panel.locator("caption", has_text="Log, the newest first: virtual:campus").wait_for()
    panel.locator(".nl-moment", has_text=re.compile(r"Requests: 2, .* Answers: 200: 2\.")).wait_for()
    assert [row[1] for row in cells(panel, "Log")] == ["CONNECT", "GET"], "the direct one the proxy has not seen"

    # The newest exchange is drawn; another one is chosen.
    panel.locator("figure img[alt*='begins with CONNECT www:80']:visible").wait_for()
    panel.get_by_label("exchange").select_option(index=1)
    picture = panel.locator("figure img[alt*='begins with GET http://www/long.txt']:visible")
    picture.wait_for()
    assert "proxy sends 2 to www:80" in picture.get_attribute("alt")
    assert picture.evaluate("node => node.naturalWidth") == 1400
    both = cells(panel, "The bytes of both sides")
    assert ["request", "changed", r"GET http://www/long.txt HTTP/1.1\r\n", r"GET /long.txt HTTP/1.1\r\n"] in both
    assert ["request", "added", "", r"Via: 1.1 netlab\r\n"] in both

    panel.locator("button", has_text="Look at the segments").click()
    panel.locator("figure img[alt*='begins with SYN']:visible").wait_for()
    panel.locator("button.netlab-stop").click()
    says(panel, r"Stopped: the port is free again\. Requests: 2, ")
    panel.locator("button.netlab-run:enabled").wait_for()
    assert_quiet(browsing)


def test_the_page_is_cut_off_when_one_recv_is_passed_on(browsing: Browsing) -> None:
    panel = proxied(browsing)
    panel.get_by_label("it passes on").select_option(label="only the first recv")
    says(panel, "it passes on: only the first recv")
    panel.locator("button.netlab-send").click()  # starts the proxy, too
    says(panel, r"through the proxy: 200, 1\d\d\d of 107200 bytes in .*That is not what came directly\.")
    assert [row[4] for row in cells(panel, "What came on each way")] == ["yes", "no", "no"]
    panel.locator("td", has_text="proxy_internal_error").wait_for()
    panel.locator("button.netlab-stop").click()
    says(panel, "Stopped")
    assert_quiet(browsing)


def test_a_cache_that_is_switched_on(browsing: Browsing) -> None:
    panel = proxied(browsing)
    focus(panel, "cache")
    browsing.page.keyboard.press("End")
    says(panel, "cache: on")
    start(panel)
    for number in (1, 2, 3):
        fetch(panel, "through the proxy")
        panel.locator(".nl-moment", has_text=f"Cache: {number - 1} of {number} without the origin").wait_for()
    assert [row[4] for row in cells(panel, "Log")] == ["hit", "hit", "stored"]
    panel.locator("button.netlab-stop").click()
    says(panel, r"Stopped: .* Cache: 2 of 3 without the origin \(67 %\)")
    assert_quiet(browsing)


def test_on_this_machine_others_can_use_it(browsing: Browsing) -> None:
    panel = proxied(browsing, REAL)
    url = start(panel)
    origin = re.search(r"behind it is (http://\S+/)\.", status(panel).inner_text())[1]
    # The browser itself, through the panel's proxy.
    other = browsing.page.context.browser.new_context(proxy={"server": url.rstrip("/"), "bypass": "<-loopback>"})
    page = other.new_page()
    page.goto(origin)
    assert page.locator("h1").inner_text() == "A small site"
    assert page.locator("img").evaluate("node => node.naturalWidth") == 16
    other.close()
    panel.locator("table.nl-data td", has_text=f"{origin}picture.png").first.wait_for()
    # What nobody may reach.
    panel.get_by_label("fetch", exact=True).fill(origin.replace("127.0.0.1", "0.0.0.0"))
    panel.get_by_label("fetch", exact=True).press("Enter")
    fetch(panel, "through the proxy")
    says(panel, r"through the proxy: 403, \d+ bytes")
    panel.locator("td", has_text="destination_ip_prohibited").wait_for()
    panel.locator("button.netlab-stop").click()
    says(panel, "Stopped: the port is free again")
    panel.locator("button.netlab-run:enabled").wait_for()
    assert not answered(url) and not answered(origin)
    assert_quiet(browsing)


def test_everything_by_keyboard(browsing: Browsing) -> None:
    panel = proxied(browsing)
    page = browsing.page
    panel.locator("select").first.focus()
    reached: list[str] = []
    for _ in range(40):
        at = page.evaluate(
            """() => {
                const node = document.activeElement;
                if (!node.closest('.netlab')) return null;
                const look = getComputedStyle(node);
                const label = node.closest('.widget-inline-hbox')?.querySelector('.widget-label');
                const name = (node.getAttribute('aria-label') || label?.textContent || node.textContent).trim();
                return {name, outline: look.outlineStyle, width: parseFloat(look.outlineWidth)};
            }"""
        )
        if at is None:
            break
        reached.append(at["name"])
        assert at["outline"] == "solid" and at["width"] >= 2, f"focus on {at['name']} cannot be seen"
        page.keyboard.press("Tab")
    wanted = ["host", "port (0 = any)", "connect timeout", "it passes on", "cache", "cache size", "tunnels to port"]
    wanted += ["origin says", "clients", "also reachable", "Start", "fetch", "way", "Fetch", "exchange"]
    wanted += ["Look at the segments"]
    assert set(wanted) <= set(reached), set(wanted) - set(reached)

    panel.locator("button.netlab-run").focus()
    page.keyboard.press("Enter")
    says(panel, "The proxy listens at")
    panel.locator("button.netlab-send").focus()
    page.keyboard.press("Enter")
    says(panel, "direct: 200")
    panel.locator("figure img[alt*='begins with CONNECT']:visible").wait_for()
    panel.get_by_label("exchange").focus()
    page.keyboard.press("End")  # JupyterLab takes the arrow keys of a closed list for itself
    panel.locator("figure img[alt*='begins with GET']:visible").wait_for()
    for caption in ("What came on each way", "Log", "The bytes of both sides"):
        assert panel.locator(f"[role=region][tabindex='0'][aria-label^='{caption}']").count() == 1
    panel.locator("button.netlab-stop").focus()
    page.keyboard.press("Enter")
    says(panel, "Stopped")
    assert_quiet(browsing)


def test_stop_reaches_the_status_line_in_time(browsing: Browsing) -> None:
    panel = proxied(browsing, REAL)
    took = []
    for _ in range(5):
        url = start(panel)
        assert answered(url)  # with 400: it is no origin
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


def test_a_cell_run_again_and_a_restart_free_the_port(browsing: Browsing) -> None:
    page = browsing.page
    panel = proxied(browsing, REAL)
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
    saved = (browsing.lab.folder / "proxy.ipynb").read_text("utf-8")
    assert "<netlab panel: proxy on 127.0.0.1>" in saved and "widget-state" not in saved
    assert_quiet(browsing)


def test_zoom_dark_and_forced_colours(browsing: Browsing) -> None:
    page = browsing.page
    panel = proxied(browsing)
    panel.locator("button.netlab-send").click()
    says(panel, "direct: 200")
    panel.locator("figure img:visible").first.wait_for()

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
    assert panel.get_by_label("way", exact=True).is_visible()
    assert_quiet(browsing)


@pytest.mark.skipif(
    "NETLAB_SCREENSHOT" not in os.environ, reason="set NETLAB_SCREENSHOT=1 to make docs/proxy-panel.png"
)
def test_make_the_picture_of_the_readme(browsing: Browsing) -> None:
    page = browsing.page
    page.set_viewport_size({"width": 1280, "height": 2600})
    panel = proxied(browsing)
    page.keyboard.press("Control+b")
    focus(panel, "cache")
    page.keyboard.press("End")
    says(panel, "cache: on")
    start(panel)
    for number, way in enumerate(("through the proxy", "through the proxy", "all three"), 1):
        fetch(panel, way)
        panel.locator(".nl-moment", has_text=f"Cache: {number - 1} of {number} without the origin").wait_for()
    says(panel, "direct: 200")
    panel.locator("figure img[alt*='begins with CONNECT']:visible").wait_for()
    panel.get_by_label("exchange").select_option(index=3)
    panel.locator("figure img[alt*='proxy sends 2 to www:80']:visible").wait_for()
    page.mouse.move(0, 0)
    page.wait_for_timeout(500)
    folder = Path(os.environ.get("NETLAB_BROWSER_PICTURES") or Path(ROOT, "docs"))
    panel.screenshot(path=folder / "proxy-panel.png")
