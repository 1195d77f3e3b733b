"""The map of a world: choose a node, a link or a destination from lists, and see it on the map and in the tables.

Drawn from the model that runs. Nothing has to be clicked on the picture, so the keyboard is enough.
"""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets as widgets

from netlab import api, plot
from netlab.errors import NetlabError
from netlab.plot.data import figures
from netlab.widgets import controls, tables
from netlab.widgets.style import STYLE
from netlab.widgets.words import say

NODE_COLUMNS = ("node", "kind", "addresses", "place", "asn")
LINK_COLUMNS = ("link", "delay", "rate", "loss", "mtu")


class TopologyView(widgets.VBox):
    """A map with tables of its nodes and links.

    Parameters
    ----------
    world
        As in `netlab.use`: a world, its name, or a virtual network; None: the network in use.
    path
        Names of nodes to highlight as a path; None: none at first.
    chosen
        The name of a node or link to choose at first.

    Examples
    --------
    >>> import netlab
    >>> netlab.widgets.TopologyView("line")
    <netlab panel: map of line>
    """

    def __init__(self, world: Any = None, path: list[str] | None = None, chosen: str | None = None) -> None:
        self._network: Any = api.network_for(world)
        self.world = getattr(self._network, "world", None)
        self._path = path
        self._picture, self._nodes, self._links = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self._status = widgets.HTML()
        nobody = (say("nobody"), "")
        nodes = list(self.world.nodes) if self.world else []
        links = [link.name for link in self.world.links] if self.world else []
        self.node = controls.dropdown("node", [nobody, *((name, name) for name in nodes)], "")
        self.link = controls.dropdown("link", [nobody, *((name, name) for name in links)], "")
        others = [name for name in nodes if name != self.world.vantage] if self.world else []
        self.way = controls.dropdown("way to", [nobody, *((name, name) for name in others)], "")
        self.node.value = chosen if chosen in nodes else ""
        self.link.value = chosen if chosen in links else ""
        self.node.observe(lambda change: self._chose(change, self.link), "value")
        self.link.observe(lambda change: self._chose(change, self.node), "value")
        self.way.observe(self._way_chosen, "value")
        self._picture.add_class("nl-map")
        listings = widgets.VBox([self._nodes, self._links])
        listings.add_class("nl-listings")
        beside = widgets.HBox(
            [self._picture, listings], layout=widgets.Layout(flex_flow="row wrap", grid_gap="8px 16px")
        )
        top = controls.grid([self.node, self.link, self.way])
        name = self.world.name if self.world else self._network.name
        title = widgets.HTML(f'<div class="nl-title">{escape(say("map of", name=name))}</div>')
        super().__init__([widgets.HTML(STYLE), title, top, self._status, beside])
        self.add_class("netlab")
        self.add_class("nl-wide")
        self._show()

    def __repr__(self) -> str:
        return f"<netlab panel: map of {self.world.name if self.world else self._network.name}>"[:110]

    @property
    def path(self) -> list[str] | None:
        """The highlighted path; set it to highlight another one."""
        return self._path

    @path.setter
    def path(self, path: list[str] | None) -> None:
        self._path = path
        self._show()

    @property
    def chosen(self) -> str | None:
        """The name of the chosen node or link."""
        return self.node.value or self.link.value or None

    def _chose(self, change: Any, other: Any) -> None:
        if change["new"] and other.value:
            other.value = ""  # its own change shows the map
        else:
            self._show()

    def _way_chosen(self, change: Any) -> None:
        try:
            self._path = self._network.path(change["new"]) if change["new"] else None
        except NetlabError as error:
            self._path = None
            self._status.value = controls.status_html(say("failed", reason=str(error)), alarm=True)
            return
        self._show()

    def _show(self) -> None:
        if self.world is None:
            self._status.value = controls.status_html(say("only virtual"), alarm=True)
            return
        figure = plot.topology(self.world, path=self._path, chosen=self.chosen)
        self._picture.value = figure.html()
        self._status.value = controls.status_html(figure.alt)
        nodes = [
            (name, node.kind, ", ".join(node.addresses), node.place, "" if node.asn is None else str(node.asn))
            for name, node in self.world.nodes.items()
        ]
        links = [
            (
                link.name,
                figures(link.forward.delay / 1e6),
                figures(link.forward.rate / 1e6) if link.forward.rate else say("unlimited"),
                figures(100 * link.forward.loss),
                str(link.mtu),
            )
            for link in self.world.links
        ]
        self._nodes.value = tables.rows_table(
            nodes, [say(f"column {name}") for name in NODE_COLUMNS], say("nodes"), self.node.value
        )
        self._links.value = tables.rows_table(
            links, [say(f"column {name}") for name in LINK_COLUMNS], say("links"), self.link.value
        )
