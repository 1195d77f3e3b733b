"""Panels for notebooks: sliders, Run and Stop, a picture, a table, and packets to look into.

``PingPanel("www")`` as the last line of a cell shows it. Every panel is a thin layer over the calls of `netlab`; where
nobody can press a button, readers see its one-line repr, so a notebook always repeats a panel's measurement as a call.
"""

from netlab.widgets.balancer import FanPanel, fan
from netlab.widgets.base import Panel
from netlab.widgets.bytegrid import ByteView, byte_grid
from netlab.widgets.crowds import CrowdPanel
from netlab.widgets.pages import PagePanel
from netlab.widgets.ping import PingPanel
from netlab.widgets.proxy import ProxyPanel
from netlab.widgets.stream import StreamPanel
from netlab.widgets.topology import TopologyView
from netlab.widgets.traceroute import TraceroutePanel
from netlab.widgets.webserver import WebServerPanel

__all__ = [
    "ByteView", "CrowdPanel", "FanPanel", "PagePanel", "Panel", "PingPanel", "ProxyPanel", "StreamPanel",
    "TopologyView", "TraceroutePanel", "WebServerPanel", "byte_grid", "fan",
]  # fmt: skip
