"""Choosing a network by name, by world, by path; and where worlds come from."""

import sys
from pathlib import Path

import pytest

from netlab.errors import UsageError, WorldError
from netlab.internet import build, to_dict, to_toml
from netlab.network import choose, worlds
from netlab.network.base import Network
from netlab.network.virtual import VirtualNetwork

WORLD = build("own").host("a").host("b").link("a", "b", delay_ms=1).world()


@pytest.mark.parametrize("name", ["campus", "virtual:campus", " campus "])
def test_virtual_networks_by_name(name):
    network = choose(name, seed=3)
    assert isinstance(network, VirtualNetwork)
    assert (network.name, network.seed) == ("virtual:campus", 3)


def test_every_world_of_the_package_can_be_chosen():
    for name in worlds.names():
        assert choose(name).name == f"virtual:{name}"


def test_worlds_make_virtual_networks(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(to_toml(WORLD), "utf-8")
    for x in (WORLD, to_dict(WORLD), to_toml(WORLD), path, str(path), f"virtual:{path}"):
        network = choose(x)
        assert isinstance(network, VirtualNetwork) and network.world == WORLD
    assert choose(WORLD).world is WORLD


def test_a_network_is_given_back_as_it_is():
    network = choose("line")
    assert choose(network) is network and choose(network, seed=5).seed == 1


def test_two_choices_are_two_networks():
    assert choose("line") is not choose("line")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("campsu", "'campus'"), ("Live", "'live'"), ("lab-campus", "'lab:campus'"), ("transatlantik", "'tra")],
)
def test_unknown_names_offer_what_is_close(wrong, right):
    with pytest.raises(UsageError) as caught:
        choose(wrong)
    text = str(caught.value)
    assert f"did you mean {right}" in text
    assert all(name in text for name in (*worlds.names(), '"live"', '"lab:campus"', ".toml"))


def test_unknown_worlds_of_a_kind():
    with pytest.raises(UsageError, match=r"network='campsu': there is no such world \(did you mean 'campus'\?\)"):
        choose("virtual:campsu")
    with pytest.raises(UsageError, match="did you mean 'campus'"):
        choose("lab:campsu")


@pytest.mark.parametrize("x", [None, 7, 1.5, object(), "", "virtual:", "lab:"])
def test_what_is_no_network(x):
    with pytest.raises(UsageError, match="campus"):
        choose(x)


@pytest.mark.parametrize("seed", [None, "1", 1.0, True])
def test_what_is_no_seed(seed):
    with pytest.raises(UsageError, match="whole number"):
        choose("campus", seed=seed)


def test_a_world_made_by_hand_is_checked():
    bad = build("own").host("a").host("b").link("a", "b", delay_ms=1).world()
    bad.vantage = "c"
    with pytest.raises(WorldError, match="no node 'c'"):
        choose(bad)


def test_a_virtual_network_needs_neither_live_nor_lab():
    """On a machine without Linux's sockets, choosing a world loads nothing that could fail."""
    import subprocess

    code = (
        "import sys; from netlab.network import choose; choose('campus'); "
        "print(*(m for m in sys.modules if m.startswith(('netlab.network.l', 'pandas', 'asyncio'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert (done.returncode, done.stdout.strip(), done.stderr.strip()) == (0, "", "")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's sockets")
def test_the_live_network():
    network = choose("live")
    assert network.name == "live" and isinstance(network, Network)


# where worlds come from


def test_worlds_by_name_text_dict_and_path(tmp_path):
    path = tmp_path / "w.toml"
    path.write_text(to_toml(WORLD), "utf-8")
    for x in (WORLD, to_dict(WORLD), to_toml(WORLD), path, str(path)):
        assert worlds.load(x) == WORLD
    assert worlds.load("line").name == "line"
    assert worlds.load("line") is not worlds.load("line")  # everybody may change their own


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UsageError, match="cannot be read: no such file"):
        worlds.load(tmp_path / "none.toml")
    with pytest.raises(UsageError, match="cannot be read: is a directory"):
        worlds.load(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(WorldError, match="UTF-8"):
        worlds.load(tmp_path / "latin.toml")
    (tmp_path / "bad.toml").write_text("name = ", "utf-8")
    with pytest.raises(WorldError, match="not TOML"):
        worlds.load(str(tmp_path / "bad.toml"))


def test_worlds_that_are_none():
    with pytest.raises(UsageError, match=r"world='lin': .*did you mean 'line'"):
        worlds.load("lin")
    with pytest.raises(UsageError, match="name of a world"):
        worlds.load(7)  # type: ignore[arg-type]
