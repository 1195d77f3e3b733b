"""netlab: how ping, traceroute, a web server and a web proxy work, to run, to look into and to finish yourself.

Start with ``netlab.use("campus")`` and ``netlab.ping("www")``; every call gives a pandas DataFrame. The names below are
loaded on first use, so that ``import netlab`` is quick.
"""

import sys

if sys.version_info < (3, 11):
    raise SystemExit("netlab needs Python 3.11 or newer; this is Python %d.%d." % sys.version_info[:2])

_HOMES = {
    "ping": "netlab.api",
    "traceroute": "netlab.api",
    "multipath": "netlab.api_multipath",
    "path_mtu": "netlab.api_mtu",
    "monitor": "netlab.api_verdict",
    "verdict": "netlab.api_verdict",
    "investigate": "netlab.api_verdict",
    "WebServer": "netlab.servers",
    "ProxyServer": "netlab.server_proxy",
    "fetch": "netlab.api_fetch",
    "fetch_page": "netlab.api_fetch",
    "use": "netlab.api",
    "world": "netlab.api",
    "doctor": "netlab.api",
    "explain": "netlab.api",
    "to_pcap": "netlab.api",
    "quote_diff": "netlab.api_formats",
    "read_atlas": "netlab.api_formats",
    "to_atlas": "netlab.api_formats",
    "summary": "netlab.frames",
    "predict": "netlab.teach",
    "check": "netlab.teach",
    "hint": "netlab.teach",
}
_MODULES = {"plot", "widgets", "errors"}
_SUBMODULES = {*_MODULES, "frames", "teach", "wire"}  # for notebooks: not among the names to learn, but there

__all__ = [*_HOMES, *_MODULES]
__version__ = "0.1.0"


def __getattr__(name):  # type: ignore[no-untyped-def]
    from importlib import import_module

    if name in _SUBMODULES:
        return import_module("netlab." + name)
    if name not in _HOMES:
        raise AttributeError(f"module 'netlab' has no attribute {name!r}; it offers {', '.join(sorted(__all__))}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__():  # type: ignore[no-untyped-def]
    return sorted(__all__)
