"""The traceroute panel in a real browser: whole traces and single steps, by mouse, by keyboard, large, dark, unmoved.

Pictures are looked at by people: ``NETLAB_SCREENSHOT=1`` makes docs/traceroute-panel.png anew, nothing is compared
with it.
"""

from __future__ import annotations

import os
import re
import statistics
import time
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import ROOT, Browsing
from tests.browser.test_ping_panel import (
    STOP_WITHIN,
    _colours,
    assert_quiet,
    focus,
    grown,
    opened,
    real_time,
    says,
    slider,
    status,
)
from tests.plot.contrast import contrast

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PANEL = "panel = netlab.widgets.TraceroutePanel('catalogue', attempts=1)\npanel"


def trace(browsing: Browsing, panel: str = PANEL) -> Any:
    return opened(browsing, "trace.ipynb", panel)


def step(panel: Any) -> Any:
    return panel.locator("button.netlab-step")


def moment(panel: Any, text: str) -> None:
    panel.locator(".nl-moment:visible", has_text=re.compile(text)).first.wait_for()


def map_of(panel: Any) -> Any:
    return panel.locator(".nl-sheet:visible").first


def test_by_mouse(browsing: Browsing) -> None:
    panel = trace(browsing, PANEL.replace("attempts=1", "attempts=1, window=1"))
    panel.locator("button.netlab-run").click()
    says(panel, r"Done\. catalogue \(198\.51\.100\.70\) answered as the destination, with hop 4")
    assert panel.locator("table.nl-data tbody tr").count() == 4
    assert map_of(panel).locator(".nl-heard").count() == 4
    deadline = time.monotonic() + 10
    picture = ""
    while not picture.startswith('url("data:image/png'):  # a map that is just being replaced has no style
        assert time.monotonic() < deadline, "the picture of the map has not arrived"
        picture = map_of(panel).evaluate("node => getComputedStyle(node).backgroundImage")
    ladder = panel.locator("figure img:visible")
    assert "4 of 4 hops answered" in ladder.get_attribute("alt") and ladder.evaluate("node => node.naturalWidth") > 1000

    # The replay: paused at its end, played and scrubbed without the kernel.
    panel.locator("button", has_text="Replay").click()
    moment(panel, r"Probe 1 of 4, ICMP, left with TTL 1\. At gateway")
    panel.locator("button", has_text="Pause").click()
    handle = slider(panel, "step").bounding_box()
    rail = panel.locator(".widget-inline-hbox", has=browsing.page.get_by_text("step", exact=True)).locator(
        ".noUi-target"
    )
    box = rail.bounding_box()
    browsing.page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    browsing.page.mouse.down()
    browsing.page.mouse.move(box["x"] + box["width"] * 2 / 3, box["y"] + box["height"] / 2, steps=5)
    browsing.page.mouse.up()
    moment(panel, r"Probe 3 of 4, ICMP, left with TTL 3\. At library")
    assert map_of(panel).locator(".nl-lit").count() == 1 and panel.locator(".nl-veil:visible").count() == 1

    # Stop: in real time, so that there is something to stop.
    real_time(panel)
    focus(panel, "attempts")
    browsing.page.keyboard.press("End")
    says(panel, "attempts: 10")
    panel.locator("select").nth(0).select_option("loop")
    panel.locator("input[placeholder='name or address']").fill("lost")
    panel.locator("button.netlab-run").click()
    grown(panel, 2)
    panel.locator("button.netlab-stop").click()
    says(panel, "Stopped: partial result")
    assert "partial" in panel.locator("table.nl-data caption").inner_text()
    panel.locator("button.netlab-run:enabled").wait_for()
    assert_quiet(browsing)


def test_one_probe_per_click(browsing: Browsing) -> None:
    panel = trace(browsing)
    for ttl, name in enumerate(["gateway", "core", "library"], 1):
        step(panel).click()
        says(panel, rf"^Probe {ttl}, ICMP, left with TTL {ttl}\. At {name}")
        panel.locator("table.nl-data tbody tr").nth(ttl - 1).wait_for()
        assert panel.locator("table.nl-data tbody tr").count() == ttl
        assert panel.locator("tr[aria-current]").inner_text().split()[0] == str(ttl)
        lit, packet = (map_of(panel).locator(look) for look in (".nl-lit", ".nl-packet"))
        assert lit.count() == packet.count() == 1
        assert packet.evaluate("node => getComputedStyle(node).animationName") == "nl-travel"
        # When it has arrived, the envelope lies in the ring.
        map_of(panel).evaluate("node => node.getAnimations({subtree: true}).forEach(each => each.finish())")
        ring, letter = lit.bounding_box(), packet.bounding_box()
        assert abs(ring["x"] + ring["width"] / 2 - letter["x"] - letter["width"] / 2) < 8
        assert abs(ring["y"] + ring["height"] / 2 - letter["y"] - letter["height"] / 2) < 8
    step(panel).click()
    says(panel, "is the destination and replied")
    step(panel).click()
    says(panel, r"The trace has ended\. catalogue")
    panel.locator("button", has_text="Replay").wait_for()
    step(panel).click()
    says(panel, r"^Probe 1, ICMP")
    assert panel.locator("button", has_text="Replay").is_hidden()
    panel.locator("button.netlab-run").click()
    says(panel, r"Done\. catalogue")
    assert_quiet(browsing)


def test_everything_by_keyboard(browsing: Browsing) -> None:
    panel = trace(browsing)
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
                const name = (label?.textContent || node.textContent).trim();
                return {name, outline: look.outlineStyle, width: parseFloat(look.outlineWidth)};
            }"""
        )
        if at is None:
            break
        reached.append(at["name"])
        assert at["outline"] == "solid" and at["width"] >= 2, f"focus on {at['name']} cannot be seen"
        page.keyboard.press("Tab")
    wanted = ["destination", "network", "protocol", "probes", "IP version", "maximum TTL", "attempts"]
    wanted += ["timeout", "seed", "speed", "Run", "Step: one probe", "Change a link", "Look at the bytes"]
    assert set(wanted) <= set(reached), set(wanted) - set(reached)

    focus(panel, "maximum TTL")
    page.keyboard.press("ArrowLeft")
    says(panel, "maximum TTL: 29")
    focus(panel, "protocol")
    page.keyboard.press("ArrowRight")
    says(panel, "protocol: UDP")
    step(panel).focus()
    for ttl in (1, 2, 3):
        page.keyboard.press("Enter")
        says(panel, f"^Probe {ttl}, UDP, left with TTL {ttl}")
    assert page.evaluate("document.activeElement.textContent").strip() == "Step: one probe", "the focus went away"
    page.keyboard.press("Space")
    says(panel, "nobody is at that port .port unreachable")
    panel.locator("button.netlab-run:enabled").focus()
    page.keyboard.press("Enter")
    says(panel, r"Done\.")
    panel.locator("button", has_text="Replay").wait_for()
    focus(panel, "step")
    page.keyboard.press("Home")
    moment(panel, "Probe 1 of 4")
    page.keyboard.press("ArrowRight")
    moment(panel, "Probe 2 of 4")
    panel.locator("button", has_text="Look at the bytes").focus()
    page.keyboard.press("Enter")
    panel.locator("table.nl-bytes").wait_for()
    assert_quiet(browsing)


def test_stop_reaches_the_status_line_in_time(browsing: Browsing) -> None:
    make = "panel = netlab.widgets.TraceroutePanel('lost', 'loop', attempts=10, window=1)\npanel"
    panel = trace(browsing, make)
    real_time(panel)
    took = []
    for _ in range(5):
        panel.locator("button.netlab-run").click()
        grown(panel, 2)
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
        says(panel, "Stopped: partial result")
        panel.locator("button.netlab-run:enabled").wait_for()
    print(f"Stop to status line, ms: {', '.join(f'{each:.0f}' for each in took)}")
    assert statistics.median(took) < STOP_WITHIN, took


def test_zoom_dark_forced_colours_and_no_motion(browsing: Browsing) -> None:
    page = browsing.page
    panel = trace(browsing)
    for ttl in (1, 2, 3):
        step(panel).click()
        says(panel, f"^Probe {ttl}, ")
    panel.locator("button", has_text="Change a link").click()

    # 200 % zoom of a window of 1280 x 1000 is a page of 640 x 500.
    page.keyboard.press("Control+b")
    page.set_viewport_size({"width": 640, "height": 500})
    page.wait_for_timeout(500)
    edges = panel.evaluate(
        """panel => {
            const right = panel.getBoundingClientRect().right;
            const parts = 'button, input, select, img, svg, .nl-sheet, .noUi-target, .widget-readout, [role=status]';
            return [...panel.querySelectorAll(parts)]
                .filter(node => node.offsetParent !== null || node.tagName === 'svg')
                .filter(node => node.getBoundingClientRect().right > right + 1)
                .map(node => node.outerHTML.slice(0, 80));
        }"""
    )
    assert edges == [], "sticks out of the panel at 200 %"
    # Picture and layer are scaled together: the ring is still around the machine.
    sheet, layer = map_of(panel).bounding_box(), map_of(panel).locator("svg").bounding_box()
    assert abs(sheet["width"] - layer["width"]) < 1 and abs(sheet["height"] - layer["height"]) < 1
    assert sheet["width"] < 640
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
    assert map_of(panel).evaluate("node => getComputedStyle(node).backgroundImage").startswith("url(")
    packet = map_of(panel).locator(".nl-packet")
    assert packet.evaluate("node => getComputedStyle(node).animationName") == "none", "it moves although asked not to"
    assert map_of(panel).locator(".nl-lit").evaluate("node => getComputedStyle(node).opacity") == "1"
    assert_quiet(browsing)


def test_a_cell_run_again_and_a_restart_between_two_steps(browsing: Browsing) -> None:
    page = browsing.page
    panel = trace(browsing)
    step(panel).click()
    says(panel, "^Probe 1, ")
    again = browsing.run_cell(1).locator(".jp-OutputArea-output .netlab").first
    step(again).wait_for(timeout=30_000)
    assert "Ready" in status(again).inner_text()
    step(again).click()
    says(again, "^Probe 1, ")
    page.get_by_role("button", name="Restart the kernel", exact=True).click()
    page.locator(".jp-Dialog button.jp-mod-accept").click()
    page.locator(".jp-Dialog").wait_for(state="detached")
    browsing.wait_until_idle()
    browsing.run_cell(0)
    last = browsing.run_cell(1).locator(".jp-OutputArea-output .netlab").first
    step(last).click()
    says(last, "^Probe 1, ")
    page.keyboard.press("Control+s")
    page.wait_for_timeout(1000)
    saved = (browsing.lab.folder / "trace.ipynb").read_text("utf-8")
    assert "nl-sheet" not in saved and "widget-state" not in saved, "a panel leaves nothing in the file"
    assert "<netlab panel: traceroute catalogue>" in saved
    assert_quiet(browsing)


@pytest.mark.skipif(
    "NETLAB_SCREENSHOT" not in os.environ, reason="set NETLAB_SCREENSHOT=1 to make docs/traceroute-panel.png"
)
def test_make_the_picture_of_the_readme(browsing: Browsing) -> None:
    page = browsing.page
    page.set_viewport_size({"width": 1280, "height": 2000})
    panel = trace(browsing, "panel = netlab.widgets.TraceroutePanel('catalogue')\npanel")
    page.keyboard.press("Control+b")
    for number in range(1, 9):
        step(panel).click()
        says(panel, f"^Probe {number}, ")
    page.mouse.move(0, 0)
    page.wait_for_timeout(900)  # the answer is on its way back
    panel.screenshot(path=Path(ROOT, "docs", "traceroute-panel.png"))
