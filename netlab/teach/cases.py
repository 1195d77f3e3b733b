"""A case of notebook 13, to be examined: `incident` opens the site of a name's world as it is since Tuesday.

All tools of the workbook work in it as they are: ``netlab.ping("www")``, ``netlab.traceroute("www")``,
``netlab.fetch("http://www/photo.jpg")``. The world runs on from call to call, with its servers open. Two calls do what
nobody wants to type: `Incident.visits` lets some people look at the page through the proxy, `Incident.crowd` lets many
come at once to the web server. `Incident.board` collects what speaks for a cause, `Incident.report` writes it down.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from netlab.errors import UsageError
from netlab.teach.board import Board
from netlab.teach.incidents import CAUSES, PAGE, Plan, cause_of, plan
from netlab.teach.reading import Monday
from netlab.teach.site import folder

if TYPE_CHECKING:
    from pandas import DataFrame

URL = "http://www/"
PROXY = "http://proxy:8000/"
BROWSERS = ("Firefox", "Chrome", "Safari", "Edge", "Opera", "Lynx")
"""Everybody who visits has another one."""
PAUSE = 20_000_000_000
"""ns between two visitors."""
RATE, CROWD = 40, 240
"""Requests per second of a crowd, and how many they are."""

_open: Incident | None = None


def incident(name: str) -> Incident:
    """Open the case of a name: the site is slow since Tuesday, and you find out why.

    The case's network is in use from now on; an earlier case is closed.

    Parameters
    ----------
    name
        Yours, or any other text: it decides the world and what is wrong in it.

    Examples
    --------
    >>> import netlab
    >>> case = netlab.teach.incident("Ada")
    >>> case
    <netlab incident of Ada: http://www/ is slow since Tuesday>
    >>> netlab.ping("www", count=3)["outcome"].tolist()
    ['reply', 'reply', 'reply']
    >>> case.close()
    """
    global _open
    if not isinstance(name, str) or not name.strip():
        raise UsageError("name", name, 'must be a text, such as your name: netlab.teach.incident("Ada")')
    if _open is not None:
        _open.close()
    chosen = name.strip()
    _open = Incident(chosen, cause_of(chosen))
    _open.use()
    return _open


def current() -> Incident | None:
    """The case that was opened last; None: none yet."""
    return _open


class Incident:
    """One case; make it with `incident`.

    Attributes
    ----------
    network
        The world as it is since Tuesday.
    url, proxy
        Of the site, and of the proxy through which people reach it.
    web, cache
        The web server and the proxy, with their logs: ``case.web.log``, ``case.web.queue``, ``case.cache.log``.
    board
        The incident board.
    """

    url, proxy = URL, PROXY

    def __init__(self, name: str, cause: str) -> None:
        from netlab import api
        from netlab.server_proxy import ProxyServer
        from netlab.servers import WebServer

        self.name = name
        self._plan: Plan = plan(name, cause)
        made = self._plan
        self.network: Any = api.network_for(api.world(made.world), seed=made.seed)
        self._before: Any = None
        self.web = WebServer(_files(), host="www", port=80, network=self.network, **made.web)
        self.cache = ProxyServer(host="proxy", port=8000, cache=True, network=self.network)
        self.board = Board(lambda: monday(name))

    def use(self) -> None:
        """Measure in this case's network from now on."""
        from netlab import api

        self._before = api.current()
        api.use(self.network)

    def __repr__(self) -> str:
        return f"<netlab incident of {self.name}: {self.url} is slow since Tuesday>"

    def visits(self, people: int = 4) -> DataFrame:
        """Let people look at the page through the proxy, one after the other, each with another browser.

        Returns
        -------
        DataFrame
            PHASES as of ``netlab.fetch_page``, and in front the column ``visitor`` (int64, from 1).
        """
        import pandas as pd

        from netlab import fetching, frames
        from netlab.client_place import client_place
        from netlab.probing import whole

        whole("people", people, 1, len(BROWSERS))
        tables = []
        for number, browser in enumerate(BROWSERS[:people], start=1):
            fields = {"User-Agent": browser}

            def objects(wish: Any, fields: dict[str, str] = fields) -> list[Any]:
                further = fetching.embedded(wish, self.proxy)
                for each in further:
                    again = fetching.wish_for(each.url, "GET", fields, b"", self.proxy)
                    each.fields = again.fields
                return further

            first = fetching.wish_for(self.url, "GET", fields, b"", self.proxy)
            place = client_place("proxy", self.network, None, None)
            rows = fetching.run(place, first, 10.0, objects, 2, True, queue=True)
            table = frames.table(rows, frames.PHASES)
            table.insert(0, "visitor", number)
            tables.append(table)
            with self.network.driving() as engine:
                engine.advance(engine.now + PAUSE)
        return pd.concat(tables, ignore_index=True)

    def crowd(self) -> tuple[DataFrame, DataFrame]:
        """Let a crowd of the usual size come to the web server, from the town in which it is.

        Returns
        -------
        tuple of DataFrame
            LOAD, what the clients saw, and QUEUE, how many waited; as of ``server.load`` and ``server.queue``.
        """
        clients = self.web.load(RATE, count=CROWD, target="/1.png", clients="town", timeout=10.0)
        return clients, self.web.queue

    @property
    def monday(self) -> DataFrame:
        """What was measured on Monday, when nobody complained: one row per figure, with its ``value`` and ``unit``."""
        return monday(self.name).table

    @property
    def cause(self) -> str:
        """What is really wrong, for the check."""
        return self._plan.cause

    def report(
        self, folder: str, cause: str = "", evidence: Sequence[str] = (), figures: Sequence[Any] = ()
    ) -> DataFrame:
        """Write ``incident.html`` and ``incident.pcapng`` into a folder.

        Parameters
        ----------
        folder
            One that exists, such as ``"."``.
        cause, evidence
            Your verdict: one of the causes (``""``: still open), and ids of the board.
        figures
            Figures of ``netlab.plot`` to put into the page.

        Returns
        -------
        DataFrame
            ``file``, ``holds`` (str): what was written.

        Raises
        ------
        UsageError
            There is no such cause, id or folder.
        """
        import pandas as pd

        from netlab.teach import incident_report

        if cause and cause not in CAUSES:
            raise UsageError("cause", cause, f"must be one of {', '.join(CAUSES)}")
        unknown = [each for each in evidence if self.board.find(each) is None]
        if unknown:
            raise UsageError("evidence", unknown[0], f"must be ids of the board: {', '.join(self.board.table.index)}")
        page = incident_report.page(self, cause, list(evidence), CAUSES.get(cause, ""), figures)
        written = incident_report.write(self, folder, page)
        rows = [
            ("incident.html", f"the verdict, and {len(self.board.entries)} measurements"),
            ("incident.pcapng", f"{written['incident.pcapng']} packets of the laptop"),
        ]
        return pd.DataFrame(rows, columns=["file", "holds"]).set_index("file")

    def reveal(self) -> str:
        """What is really wrong."""
        return f"{self._plan.cause}: {CAUSES[self._plan.cause]} ({self._plan.place})"

    def close(self) -> None:
        """Stop the servers, and let the network go."""
        from netlab import api

        global _open
        self.cache.stop(grace=0)
        self.web.stop(grace=0)
        if self._before is not None and api.current() is self.network:
            api.use(self._before)
        if _open is self:
            _open = None


# --- Monday ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def monday(name: str) -> Monday:
    """Measure the world of a name without its cause, once."""
    from netlab import api
    from netlab.api_fetch import fetch

    case = Incident(name, "")
    try:
        net = case.network
        small = api.ping("www", count=40, interval=0.1, network=net)
        large = api.ping("www", count=10, interval=0.1, size=1472, network=net)
        proxy = api.ping("proxy", count=10, interval=0.1, network=net)
        ways = {host: _responders(api.traceroute(host, network=net)) for host in ("www", "proxy")}
        photo = fetch(f"{URL}photo.jpg", network=net)
        visits = case.visits(2)
        clients, _ = case.crowd()
    finally:
        case.close()
    pages = visits.groupby("visitor")["end_ms"].max()
    receive = photo[photo["phase"] == "receive"]["duration_ms"].iloc[0]
    figures = [
        ("ping www, fastest", small["rtt_ms"].min()),
        ("ping www, 95 of 100 within", small["rtt_ms"].quantile(0.95)),
        ("ping www with 1472 bytes, fastest", large["rtt_ms"].min()),
        ("ping proxy, fastest", proxy["rtt_ms"].min()),
        ("page through the proxy, first visitor", pages[1]),
        ("page through the proxy, second visitor", pages[2]),
        ("photo from the web server, receiving", receive),
        ("crowd, median", clients["latency_ms"].median()),
        ("crowd, 99 of 100 within", clients["latency_ms"].quantile(0.99)),
    ]
    return Monday(
        small_ms={"www": small["rtt_ms"].min(), "proxy": proxy["rtt_ms"].min()},
        large_ms={"www": large["rtt_ms"].min()},
        address={"www": small["address"].iloc[0], "proxy": proxy["address"].iloc[0]},
        way=ways,
        receive_ms=float(receive),
        figures=tuple((text, round(float(value), 1)) for text, value in figures),
    )


def _responders(trace: DataFrame) -> frozenset[str]:
    return frozenset(trace["responder"]) - {""}


@lru_cache(maxsize=1)
def _files() -> str:
    return folder(PAGE)
