"""The layers of the package: who may import whom, and what the pure layers may not touch.

The table below is the design's, written once more as data. Every import statement of every file is read from its
syntax tree, also those inside functions, so nothing is run to find out.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "netlab"

EVERYBODY_MAY = {"errors", "stats"}
FACADE_MAY = {
    *(
        "wire",
        "probe",
        "internet",
        "network",
        "run",
        "probing",
        "tracing",
        "http",
        "serve",
        "formats",
        "frames",
        "plot",
    ),
}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "stats": set(),
    "wire": set(),
    "probe": {"wire"},
    "internet": {"wire"},
    "network": {"wire", "internet"},
    "run": {"probe", "network"},
    "probing": {"probe", "network", "run"},
    "tracing": {"probing", "probe", "network", "run"},
    "http": set(),
    "serve": {"http", "internet"},
    "server_listen": set(),
    "server_place": {"serve", "probing", "server_listen"},
    "server_base": {"http", "serve", "probing", "frames", "formats", "server_place"},
    "in_world": {"serve", "internet", "network", "api", "server_listen"},
    "server_world": {"serve", "internet", "network", "probing", "in_world", "server_listen", "server_place"},
    "server_proxy": {
        *("http", "serve", "internet", "network", "probing", "frames", "in_world", "client_place", "fetching"),
        *("proxy_views", "server_base", "server_listen", "server_place", "server_world"),
    },
    "proxy_views": {"http"},
    "servers": {
        *("http", "serve", "internet", "network", "frames", "in_world", "loading"),
        *("server_base", "server_listen", "server_place", "server_proxy", "server_world"),
    },
    "client_place": {"serve", "internet", "network", "in_world"},
    "fetching": {"http", "serve", "client_place"},
    "loading": {"serve", "probing", "client_place", "in_world", "server_world"},
    "api_fetch": {"client_place", "fetching", "internet", "network", "probing", "frames"},
    "ways": {"client_place", "fetching", "internet", "network", "probing", "frames", "http", "serve"},
    "api_raw": {"client_place", "fetching", "internet", "network", "probing", "serve"},
    "cli_lines": set(),
    "cli_web": {"cli", "cli_lines", "servers", "formats"},
    "formats": {"wire", "http"},
    "frames": set(),
    "plot": {"frames"},
    "api": FACADE_MAY,
    "api_formats": FACADE_MAY | {"api"},
    "api_mtu": FACADE_MAY | {"api"},
    "api_multipath": FACADE_MAY | {"api"},
    "api_verdict": FACADE_MAY | {"api"},
    "widgets": {"api", "api_fetch", "api_raw", "frames", "http", "plot", "probing", "servers", "streams", "ways"},
    "talking": {"internet"},
    "streams": {"api", "talking", "internet", "network", "probing", "frames"},
    "teach": {
        *("api", "api_fetch", "api_raw", "client_place", "fetching", "frames", "network", "probing", "servers"),
        *("streams", "ways", "wire", "probe", "http", "serve", "server_proxy", "server_world"),
    },
    "cli": {"cli_trace", "cli_web", "probe", "run", "probing", "serve", "network", "formats", "frames"},
    "cli_trace": {"cli", "probe", "run", "probing", "tracing", "network", "formats", "frames"},
    "__main__": {"cli", "probe", "run", "probing", "serve", "network", "formats", "frames"},
    "__init__": {
        *(
            "api",
            "api_formats",
            "api_mtu",
            "api_multipath",
            "api_verdict",
            "server_proxy",
            "servers",
            "api_fetch",
            "plot",
            "widgets",
            "teach",
        ),
    },
}
"""Folder or file of the package → which others it may import, besides itself and what everybody may."""

PURE = {"wire", "probe", "internet", "http", "formats", "stats", "errors"}
OUTSIDE_WORLD = {
    *("socket", "select", "selectors", "ssl", "socketserver", "time", "threading", "_thread", "queue", "concurrent"),
    *("multiprocessing", "subprocess", "signal", "os", "pathlib", "shutil", "tempfile", "glob", "fcntl", "secrets"),
    *("pandas", "numpy", "matplotlib", "ipywidgets", "IPython", "networkx", "logging", "urllib.request"),
}
"""What the pure layers may not import: bytes, time and random numbers come in as arguments."""

WALL_CLOCK = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
SHARED_LUCK = {"betavariate", "choice", "choices", "gauss", "getrandbits", "randbytes", "randint", "random"}
SHARED_LUCK |= {"randrange", "sample", "seed", "shuffle", "uniform", "SystemRandom"}
"""Names of the module `random` that draw from one generator shared by the whole process; `Random(seed)` is fine."""

HEAVY = ("pandas", "numpy", "matplotlib", "ipywidgets", "IPython")
FILES = sorted(PACKAGE.rglob("*.py"))


def layer_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts)


def imports(file: Path, tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield (full dotted name, line) of everything that a file imports; `from x import y` is both x and x.y."""
    package = list(file.relative_to(ROOT).parent.parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            yield base, node.lineno
            yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args:
            if isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value), node.lineno


def layers_imported(file: Path, tree: ast.AST) -> Iterator[tuple[str, int]]:
    for name, line in imports(file, tree):
        parts = name.split(".")
        if parts[0] == "netlab" and len(parts) > 1 and parts[1] in MAY_IMPORT:
            yield parts[1], line


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_layer_imports_only_the_layers_below_it(file: Path) -> None:
    layer = layer_of(file)
    assert layer in MAY_IMPORT, f"netlab/{layer} has no row in the table of layers"
    allowed = MAY_IMPORT[layer] | EVERYBODY_MAY | {layer}
    if layer in EVERYBODY_MAY:
        allowed = {layer}
    wrong = [f"line {line}: {to}" for to, line in layers_imported(file, parse(file)) if to not in allowed]
    assert not wrong, f"{name_of(file)} may import only {sorted(allowed)}; " + "; ".join(wrong)


@pytest.mark.parametrize("file", [file for file in FILES if layer_of(file) in PURE], ids=name_of)
def test_a_pure_layer_touches_no_socket_clock_thread_or_disk(file: Path) -> None:
    tree = parse(file)
    wrong = [
        f"line {line}: imports {name}"
        for name, line in imports(file, tree)
        if name in OUTSIDE_WORLD or name.split(".")[0] in OUTSIDE_WORLD
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called == "open" or ".".join(called.split(".")[-2:]) in WALL_CLOCK:
                wrong.append(f"line {node.lineno}: calls {called}()")
    wrong += [
        f"line {line}: takes {name} of the whole process"
        for name, line in imports(file, tree)
        if name.startswith("random.") and name.removeprefix("random.") in SHARED_LUCK
    ]
    if "import random" in {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Import)}:
        # With the module itself at hand, `random.choice(...)` would be just as shared.
        wrong += [
            f"line {node.lineno}: uses {ast.unparse(node)}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "random" and node.attr in SHARED_LUCK
        ]
    assert not wrong, f"{name_of(file)} belongs to a pure layer; " + "; ".join(wrong)


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_nothing_imports_asyncio_or_pyplot(file: Path) -> None:
    # Jupyter already runs a loop; pyplot is global state that threads corrupt; Output widgets lose what threads print.
    unwanted = {"asyncio", "matplotlib.pyplot", "ipywidgets.Output", "ipywidgets.interact"}
    unwanted |= {"ipywidgets.interactive", "ipywidgets.interactive_output", "IPython.display.clear_output"}
    wrong = [f"line {line}: {name}" for name, line in imports(file, parse(file)) if name in unwanted]
    wrong += [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(parse(file))
        if isinstance(node, ast.Attribute) and node.attr in {"Output", "interact", "interactive_output", "pyplot"}
    ]
    assert not wrong, f"{name_of(file)}: " + "; ".join(wrong)


def test_the_table_names_only_layers_that_exist_or_will() -> None:
    named = set(MAY_IMPORT) | set().union(*MAY_IMPORT.values())
    assert named == set(MAY_IMPORT), f"without a row of their own: {sorted(named - set(MAY_IMPORT))}"


@pytest.mark.parametrize(
    "statement",
    [
        "import netlab",
        "import netlab.frames",
        "import netlab.cli",
        "from netlab import errors, wire, probe, internet",
        "import sys; sys.argv = ['netlab', 'ping', '--help']; import netlab.cli",
    ],
)
def test_the_quick_parts_load_no_tables_plots_or_widgets(statement: str) -> None:
    code = f"{statement}\nimport sys\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
