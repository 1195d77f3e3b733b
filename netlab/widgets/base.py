"""The skeleton of every panel: controls, Run and Stop, progress, a status line, a picture, a table.

A panel is a `Panel` with a few methods filled in: which `Task` the controls describe, how rows become a table, a
picture, a sentence. It holds no measurement logic: a task is a generator of rows from ``netlab.api``.

Three threads may be at work, and each has one duty:

* the *kernel's* runs the callbacks of the controls, which are short: they start and stop runs;
* the *run's* exhausts the generator (`runs.Run`);
* the *painter's* waits for the run and shows what it has, at most ten times a second, and more seldom when a picture
  takes longer to draw than that. Only plain values of existing widgets are set, and whatever goes wrong becomes text
  in the status line.

Where no front end watches (`runs.headless`), `Panel.run` measures in the calling thread and shows the end only.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from netlab.errors import NetlabError
from netlab.plot import Figure
from netlab.widgets import controls, runs
from netlab.widgets.replay import Replay
from netlab.widgets.runs import Measure, Row, Run
from netlab.widgets.style import STYLE
from netlab.widgets.words import say

if TYPE_CHECKING:
    from pandas import DataFrame

TICK = 0.1
"""Seconds between two looks at a run that goes on."""

DRAWING_SHARE = 0.3
"""Of the time, at most so much goes into drawing while a run lasts: the rest is for measuring."""

LAST_ROWS = 0.12
"""Seconds that a stopped run gets to hand over what was in flight, before the partial result is shown."""

SPOKEN_STEPS = 4
"""The status line tells progress so many times per run: a screen reader reads each of them aloud."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be measured, as the controls said when Run was pressed."""

    measure: Measure
    total: int
    """Rows that a whole run has."""
    replay: bool = False
    """A virtual run: show a film of it afterwards."""
    due: Callable[[Row], float] | None = None
    """See `runs.Run`."""


class Panel(widgets.VBox):
    """What all panels share.

    Attributes
    ----------
    result
        The table of the last run, also of one that still runs or was stopped.
    partial
        True when the result is not whole: the run goes on, was stopped, or failed on its way.
    """

    _run: Run | None = None

    def __init__(
        self,
        name: str,
        top: Sequence[Any],
        toggles: Sequence[Any] = (),
        middle: Sequence[Any] = (),
        below: Sequence[Any] = (),
    ) -> None:
        """Build the skeleton.

        Parameters
        ----------
        name
            The repr: `<netlab panel: {name}>`.
        top, middle, below
            Widgets above the buttons, between them and the status line, and below the table.
        toggles
            Buttons beside Run and Stop.
        """
        self._name = name
        self._task: Task | None = None
        self._showing = threading.RLock()
        self._frame: tuple[int, bool, DataFrame] | None = None
        self._said = 0
        self.place = runs.cell()
        runs.supersede(self.place)
        self.title = widgets.HTML()
        self.run_button = controls.button("run", self.run, "netlab-run")
        self.stop_button = controls.button("stop", self.stop, "netlab-stop")
        self.stop_button.disabled = True
        self.progress = widgets.IntProgress(0, 0, 1, layout=widgets.Layout(width="140px"))
        self.status = widgets.HTML(controls.status_html(say("ready")))
        self.picture = Replay()
        self.listing = widgets.HTML()
        buttons = controls.row([self.run_button, self.stop_button, self.progress, *toggles])
        buttons.add_class("nl-buttons")
        super().__init__(
            [widgets.HTML(STYLE), self.title, *top, buttons, *middle, self.status, self.picture, self.listing, *below]
        )
        self.add_class("netlab")
        self.clear()

    def __repr__(self) -> str:
        text = f"<netlab panel: {self._name}>"
        return text if len(text) <= 110 else text[:106] + "...>"

    # What a panel fills in ----------------------------------------------------------------------------------

    def task(self) -> Task:
        """Read the controls; raises NetlabError when they do not fit together."""
        raise NotImplementedError

    def table(self, rows: Sequence[Row]) -> DataFrame:
        """The result as a table."""
        raise NotImplementedError

    def draw(self, frame: DataFrame, total: int) -> Figure:
        """The picture of a run, on axes that do not change while it lasts."""
        raise NotImplementedError

    def list_html(self, frame: DataFrame, partial: bool) -> str:
        """The result as an HTML table."""
        raise NotImplementedError

    def film(self, frame: DataFrame, figure: Figure) -> list[str]:
        """Frames of a replay, as HTML; the last one shows the whole run. Empty: no replay."""
        return []

    def finding(self, frame: DataFrame, figure: Figure) -> str:
        """The result in a sentence, for the status line."""
        return figure.alt

    def finished(self, frame: DataFrame) -> None:
        """Called when a run has ended and is shown."""

    # Running ------------------------------------------------------------------------------------------------

    @property
    def result(self) -> DataFrame:
        run = self._run
        rows = list(run.rows) if run is not None else []
        ended = run is not None and run.ended.is_set()
        # Rows may still change in place until the run has ended: only then the table is kept.
        if self._frame is None or self._frame[:2] != (len(rows), True) or not ended:
            self._frame = (len(rows), ended, self.table(rows))
        return self._frame[2]

    @property
    def partial(self) -> bool:
        run = self._run
        return run is not None and (run.stopped or bool(run.error) or not run.ended.is_set())

    @property
    def running(self) -> bool:
        return self._run is not None and not self._run.over.is_set()

    def run(self) -> None:
        """Measure as the controls say. A run that is under way is stopped first."""
        with self._showing:
            if self._run is not None:
                self._run.stop()
            try:
                task = self.task()
            except NetlabError as error:
                self.say(say("failed", reason=str(error)), alarm=True)
                return
            run = Run(task.measure, task.due, self.place)
            self._run, self._task, self._frame, self._said = run, task, None, 0
            self.picture.stop()
            if task.due is not None or not task.replay:
                self.listing.value = ""  # it takes a while: an older result must not pass for this one's
            self.run_button.disabled, self.stop_button.disabled = True, False
            self.progress.max, self.progress.value = max(task.total, 1), 0
            self.say(say("measuring", total=task.total))
        if runs.headless():
            run.drive_now()
            self._show_end(run, task)
        else:
            run.start()
            threading.Thread(target=self._paint, args=(run, task), name="netlab painter", daemon=True).start()

    def stop(self) -> None:
        """End the run now; what it has measured stays in ``result``. Also pauses a replay."""
        self.picture.stop()
        with self._showing:  # the painter may show the end only after this sentence
            run, task = self._run, self._task
            if run is None or task is None or run.over.is_set():
                return
            done = len(run.rows)
            run.stop()
            self.say(say("stopped at once", done=done, total=task.total), alarm=True)

    def wait(self, timeout: float = 60.0) -> bool:
        """Wait until the run has ended and is shown (for programs and tests); False after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            with self._showing:
                if self._run is None or self.stop_button.disabled:
                    return True
            time.sleep(0.01)
        return False

    def clear(self) -> None:
        """Show that nothing has been measured."""
        self.picture.show(f'<p class="nl-empty">{say("nothing yet")}</p>')
        self.listing.value = ""

    def say(self, sentence: str, alarm: bool = False) -> None:
        """Put a sentence into the status line."""
        html = controls.status_html(sentence, alarm)
        if self.status.value != html:
            self.status.value = html

    def close(self) -> None:
        """Stop what runs, and take the panel off the page."""
        if self._run is not None:
            self._run.stop()
            self._run.join(LAST_ROWS)
        super().close()

    # Showing ------------------------------------------------------------------------------------------------

    def _paint(self, run: Run, task: Task) -> None:
        try:
            drawn, pause = -1, TICK  # a run that lasts longer than a tick first clears what an older one left
            while not run.over.wait(pause):
                count = len(run.rows)
                if count == drawn or run is not self._run:
                    continue
                began = time.monotonic()
                self._show_progress(run, task, count)
                drawn = count
                pause = max(TICK, (time.monotonic() - began) * (1 / DRAWING_SHARE - 1))
            run.join(LAST_ROWS)
            self._show_end(run, task)
        except Exception as error:  # a fault of ours must not leave a panel that cannot be used
            with self._showing:
                if run is self._run:
                    self.say(say("failed", reason=f"{type(error).__name__}: {error}"), alarm=True)
                    self.run_button.disabled, self.stop_button.disabled = False, True

    def _show_progress(self, run: Run, task: Task, count: int) -> None:
        step = SPOKEN_STEPS * count // max(task.total, 1)
        with self._showing:
            if run is not self._run or run.over.is_set():
                return
            self.progress.value = count
            if step > self._said:
                self._said = step
                self.say(say("progress", done=count, total=task.total))
        frame = self.table(list(run.rows))
        picture, listing = self.draw(frame, task.total).html(), self.list_html(frame, True)
        with self._showing:
            if run is self._run and not run.over.is_set():
                self.picture.show(picture)
                self.listing.value = listing

    def _show_end(self, run: Run, task: Task) -> None:
        frame = self.result if run is self._run else self.table(list(run.rows))
        partial = run.stopped or bool(run.error)
        figure = self.draw(frame, task.total)
        picture, listing = figure.html(), self.list_html(frame, partial)
        with self._showing:
            if run is not self._run:
                return
            self.progress.value = len(run.rows)
            self._say_end(run, task, frame, figure)
            self.listing.value = listing
            self.picture.show(picture)
            self.finished(frame)
            self.run_button.disabled, self.stop_button.disabled = False, True
        if task.replay and not runs.headless():
            frames = self.film(frame, figure)
            with self._showing:
                if run is self._run and len(frames) > 1:
                    self.picture.film(frames)

    def _say_end(self, run: Run, task: Task, frame: DataFrame, figure: Figure) -> None:
        if run.error and not run.rows:
            self.say(say("failed", reason=run.error), alarm=True)
            return
        finding = self.finding(frame, figure)
        key = "failed partly" if run.error else "stopped" if run.stopped else "done"
        sentence = say(key, done=len(run.rows), total=task.total, finding=finding, reason=run.error)
        self.say(sentence, alarm=key != "done")
