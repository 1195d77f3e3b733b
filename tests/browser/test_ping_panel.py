"""The ping panel in a real browser: by mouse, by keyboard, large, dark, and when things are torn away from it.

Pictures are looked at by people: ``NETLAB_SCREENSHOT=1`` makes docs/ping-panel.png anew, nothing is compared with it.
"""

from __future__ import annotations

import json
import os
import re
import statistics
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import ROOT, Browsing
from tests.plot.contrast import contrast

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SETUP = "import netlab\nnetlab.use('campus')"
PANEL = "panel = netlab.widgets.PingPanel('www')\npanel"
STOP_WITHIN = 200
"""ms from the click to the status line."""


def status(panel: Any) -> Any:
    return panel.locator("> .widget-html [role=status]").first


def opened(browsing: Browsing, name: str = "panel.ipynb", panel: str = PANEL) -> Any:
    """A notebook with one panel, run; gives the panel's element."""
    browsing.open(browsing.lab.write(name, SETUP, panel))
    browsing.run_cell(0)
    return shown(browsing.run_cell(1))


def shown(cell: Any) -> Any:
    panel = cell.locator(".jp-OutputArea-output .netlab").first
    panel.locator("button.netlab-run").wait_for(timeout=30_000)
    return panel


def slider(panel: Any, label: str) -> Any:
    """The handle of the slider with this label."""
    return (
        panel.locator(".widget-inline-hbox", has=panel.page.get_by_text(label, exact=True))
        .locator(".noUi-handle")
        .first
    )


def focus(panel: Any, label: str) -> None:
    handle = slider(panel, label)
    handle.wait_for()  # what is hidden cannot have the focus
    handle.focus()


def says(panel: Any, text: str, timeout: float = 20_000) -> None:
    status(panel).filter(has_text=re.compile(text)).wait_for(timeout=timeout)


def real_time(panel: Any) -> None:
    """Let virtual time pass as real time does, so that a run lasts long enough to be stopped."""
    focus(panel, "speed")
    panel.page.keyboard.press("End")
    says(panel, "speed: real time")


def grown(panel: Any, rows: int) -> None:
    """Wait until a run that was started in real time has shown so many rows."""
    says(panel, "Measuring")
    panel.locator("table.nl-data", has_text="partial").locator("tbody tr").nth(rows - 1).wait_for(timeout=20_000)


def assert_quiet(browsing: Browsing) -> None:
    assert browsing.refused == [], "nothing may be fetched from elsewhere"
    assert browsing.dialogs() == 0


def test_notebook_01_by_mouse(browsing: Browsing) -> None:
    found = sorted((ROOT / "notebooks").glob("01-*.ipynb"))
    if found:
        cells = [cell for cell in json.loads(found[0].read_text())["cells"] if cell["cell_type"] == "code"]
        last = next(number for number, cell in enumerate(cells) if "PingPanel(" in "".join(cell["source"]))
        browsing.open(browsing.lab.copy(found[0]))
        for number in range(last):
            browsing.run_cell(number)
        panel = shown(browsing.run_cell(last))
    else:
        panel = opened(browsing)
    handle = slider(panel, "count (probes)")
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    browsing.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    browsing.page.mouse.down()
    browsing.page.mouse.move(box["x"] + box["width"] / 2 + 40, box["y"] + box["height"] / 2, steps=4)
    browsing.page.mouse.up()
    says(panel, r"count \(probes\): \d+")
    count = int(re.findall(r"\d+", status(panel).inner_text())[0])
    panel.locator("button.netlab-run").click()
    says(panel, rf"Done\. \d+ of {count} answered")
    picture = panel.locator("figure img:visible")
    assert f"of {count} answered" in picture.get_attribute("alt")
    assert picture.evaluate("node => node.naturalWidth") == 1400
    assert panel.locator("table.nl-data tbody tr").count() == count

    # The replay: paused at its end, played and scrubbed without the kernel.
    replay = panel.locator("button", has_text="Replay")
    replay.wait_for()
    panel.locator(".nl-moment:visible", has_text=re.compile(rf"Probe {count} of {count}")).wait_for()
    replay.click()
    panel.locator(".nl-moment:visible", has_text=re.compile(rf"Probe 1 of {count}")).wait_for()
    panel.locator("button", has_text="Pause").click()
    panel.locator("button", has_text="Replay").wait_for()

    # Stop: in real time, so that there is something to stop.
    real_time(panel)
    panel.locator("button.netlab-run").click()
    grown(panel, 2)
    panel.locator("button.netlab-stop").click()
    says(panel, "Stopped: partial result")
    assert 1 < panel.locator("table.nl-data tbody tr").count() < count
    assert "partial" in panel.locator("table.nl-data caption").inner_text()
    panel.locator("button.netlab-run:enabled").wait_for()
    assert_quiet(browsing)


def test_everything_by_keyboard(browsing: Browsing) -> None:
    panel = opened(browsing)
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
    wanted = "destination network protocol interval timeout seed speed Run".split()
    wanted += ["IP version", "count (probes)", "payload (bytes)", "Change a link", "Look at the bytes"]
    assert set(wanted) <= set(reached), set(wanted) - set(reached)

    focus(panel, "count (probes)")
    page.keyboard.press("ArrowRight")
    says(panel, r"count \(probes\): 11")
    panel.locator("button.netlab-run").focus()
    page.keyboard.press("Enter")
    says(panel, "Done. .*11")
    panel.locator("button", has_text="Replay").wait_for()
    focus(panel, "step")
    page.keyboard.press("Home")
    panel.locator(".nl-moment:visible", has_text="Probe 1 of 11").wait_for()

    real_time(panel)
    panel.locator("button.netlab-run").focus()
    page.keyboard.press("Enter")
    says(panel, "Measuring")
    panel.locator("button.netlab-stop").focus()
    page.keyboard.press("Space")
    says(panel, "Stopped: partial result")

    panel.locator("button", has_text="Look at the bytes").focus()
    page.keyboard.press("Enter")
    focus(panel, "byte")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    panel.get_by_text(re.compile("Byte 8 is 0x40.*ttl: 64")).wait_for()
    panel.locator("button", has_text="Flip this bit").focus()
    page.keyboard.press("Enter")
    panel.get_by_text(re.compile("Flipped: byte 8 bit 0")).wait_for()
    panel.locator("button", has_text="Change a link").focus()
    page.keyboard.press("Enter")
    focus(panel, "loss (%)")
    page.keyboard.press("PageUp")
    says(panel, r"Changed for the next run: .* loss \(%\) \d")
    assert_quiet(browsing)


def test_stop_reaches_the_status_line_in_time(browsing: Browsing) -> None:
    panel = opened(browsing, panel="panel = netlab.widgets.PingPanel('www', count=100, interval=0.1)\npanel")
    real_time(panel)
    took = []
    for _ in range(5):
        panel.locator("button.netlab-run").click()
        grown(panel, 3)
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


def test_two_panels_at_once_and_a_cell_run_again(browsing: Browsing) -> None:
    browsing.page.set_viewport_size({"width": 1280, "height": 2600})
    keep = "first = panel"
    ask = "print(first.partial, first.running, other.partial, other.running)"
    name = browsing.lab.write("two.ipynb", SETUP, PANEL, PANEL.replace("panel", "other", 2), keep, ask)
    browsing.open(name)
    browsing.run_cell(0)
    panels = [shown(browsing.run_cell(number)) for number in (1, 2)]
    for panel in panels:
        focus(panel, "count (probes)")
        browsing.page.keyboard.press("End")
        real_time(panel)
        panel.locator("button.netlab-run").click()
    for panel in panels:
        grown(panel, 2)
    browsing.run_cell(3)

    # A cell that is run again stops the run of the panel that it replaces, and leaves the other one alone.
    again = shown(browsing.run_cell(1))
    assert "Ready" in status(again).inner_text()
    assert browsing.run_cell(4).locator(".jp-OutputArea-output").inner_text().split() == [
        "True",
        "False",
        "True",
        "True",
    ]
    panels[1].locator("button.netlab-stop").click()
    says(panels[1], "Stopped: partial result")
    assert_quiet(browsing)


def test_reload_interrupt_and_restart_while_it_runs(browsing: Browsing) -> None:
    page = browsing.page
    panel = opened(browsing)
    real_time(panel)
    panel.locator("button.netlab-run").click()
    grown(panel, 1)
    page.get_by_role("button", name="Interrupt the kernel").click()
    grown(panel, 3)
    panel.locator("button.netlab-stop").click()
    says(panel, "Stopped")  # the panel's own thread does not mind an interrupt

    panel.locator("button.netlab-run").click()
    says(panel, "Measuring")
    page.keyboard.press("Control+s")
    page.wait_for_timeout(1000)
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    browsing.wait_until_idle()
    again = shown(browsing.run_cell(1))
    real_time(again)
    again.locator("button.netlab-run").click()
    grown(again, 1)

    page.get_by_role("button", name="Restart the kernel", exact=True).click()
    page.locator(".jp-Dialog button.jp-mod-accept").click()
    page.locator(".jp-Dialog").wait_for(state="detached")
    browsing.wait_until_idle()
    browsing.run_cell(0)
    last = shown(browsing.run_cell(1))
    last.locator("button.netlab-run").click()
    says(last, "Done")
    assert_quiet(browsing)


def test_zoom_dark_and_forced_colours(browsing: Browsing) -> None:
    page = browsing.page
    panel = opened(browsing)
    panel.locator("button.netlab-run").click()
    says(panel, "Done")
    panel.locator("button", has_text="Change a link").click()
    panel.locator("button", has_text="Look at the bytes").click()
    panel.locator("table.nl-bytes").wait_for()

    # 200 % zoom of a window of 1280 x 1000 is a page of 640 x 500.
    page.keyboard.press("Control+b")
    page.set_viewport_size({"width": 640, "height": 500})
    page.wait_for_timeout(500)
    edges = panel.evaluate(
        """panel => {
            const right = panel.getBoundingClientRect().right;
            const parts = 'button, input, select, img, .noUi-target, .widget-readout, [role=status]';
            return [...panel.querySelectorAll(parts)]
                .filter(node => node.offsetParent && node.getBoundingClientRect().right > right + 1)
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
    outline = panel.locator(".nl-chosen").evaluate("node => getComputedStyle(node).outlineStyle")
    assert outline == "solid", "without backgrounds the chosen byte needs a frame"
    assert panel.locator("button", has_text="Replay").is_visible(), "a replay starts paused"
    assert_quiet(browsing)


def _colours(panel: Any) -> list[tuple[str, str]]:
    """Text colour and the first opaque background behind it, for every kind of text in the panel."""
    found = panel.evaluate(
        """panel => {
            const hex = colour => {
                const [r, g, b, a] = colour.match(/[\\d.]+/g).map(Number);
                return a === 0 ? null : '#' + [r, g, b].map(n => Math.round(n).toString(16).padStart(2, '0')).join('');
            };
            const pairs = new Set();
            const texts = 'label, button, td, th, caption, p, figcaption, [role=status], small, select, input';
            for (const node of panel.querySelectorAll(texts)) {
                if (!node.offsetParent || (!node.textContent && !node.value)) continue;
                let ground = null;
                for (let at = node; at && !ground; at = at.parentElement)
                    ground = hex(getComputedStyle(at).backgroundColor);
                pairs.add(hex(getComputedStyle(node).color) + ' ' + ground);
            }
            return [...pairs];
        }"""
    )
    assert len(found) > 3
    return [tuple(pair.split(" ")) for pair in found]


def test_an_untrusted_notebook_still_says_everything(browsing: Browsing) -> None:
    """As after a clone: no kernel, no trust. Figures keep their alt text, panels show their line."""
    from netlab import plot
    from netlab.widgets import PingPanel
    from tests.plot.sample import mixed

    figure = plot.rtt(mixed())
    name = browsing.lab.write("clone.ipynb", "netlab.plot.rtt(frame)", "netlab.widgets.PingPanel('192.0.2.7')")
    path = browsing.lab.folder / name
    notebook = json.loads(path.read_text())
    panel_data = {
        "text/plain": repr(PingPanel("192.0.2.7", network="line")),
        "application/vnd.jupyter.widget-view+json": {"version_major": 2, "version_minor": 0, "model_id": "0" * 32},
    }
    for number, data in enumerate((figure._repr_mimebundle_(), panel_data)):
        notebook["cells"][number]["execution_count"] = number + 1
        notebook["cells"][number]["outputs"] = [
            {"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": number + 1}
        ]
    path.write_text(json.dumps(notebook))
    browsing.open(name)
    picture = browsing.page.locator(".jp-OutputArea-output img")
    assert picture.get_attribute("alt") == figure.alt
    assert picture.evaluate("node => node.naturalWidth") == 1400
    assert browsing.page.locator("figcaption").inner_text() == figure.caption
    browsing.page.get_by_text("<netlab panel: ping 192.0.2.7>").wait_for()
    assert_quiet(browsing)


@pytest.mark.skipif("NETLAB_SCREENSHOT" not in os.environ, reason="set NETLAB_SCREENSHOT=1 to make docs/ping-panel.png")
def test_make_the_picture_of_the_readme(browsing: Browsing) -> None:
    page = browsing.page
    page.set_viewport_size({"width": 1280, "height": 2000})
    make = "panel = netlab.widgets.PingPanel('www', count=40, timeout=0.015, prediction=8.0)\n"
    panel = opened(browsing, panel=make + "panel.faults.change('core-www', loss=5, jitter=6)\npanel")
    page.keyboard.press("Control+b")
    panel.locator("button.netlab-run").click()
    says(panel, "Done")
    panel.locator("button", has_text="Replay").wait_for()
    page.mouse.move(0, 0)
    page.wait_for_timeout(1000)
    panel.screenshot(path=Path(ROOT, "docs", "ping-panel.png"))
