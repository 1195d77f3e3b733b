"""The command: the seed's form, ping's lines and exit codes, and no pandas."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys

import pytest

from netlab import cli, frames

PING = [sys.executable, "-m", "netlab", "ping"]


def run(capsys, *arguments):
    try:
        code = cli.main(list(arguments))
    except SystemExit as exit_:
        code = exit_.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


FORMS = [
    ["server", "-c4", "-t1"],
    ["server", "-c", "4", "-t", "1"],
    ["-c4", "-t1", "server"],
    ["203.0.113.80", "-c4", "-t1"],
    ["server", "--count", "4", "--timeout=1"],
]


@pytest.mark.parametrize("form", FORMS)
def test_the_seeds_form(capsys, form):
    code, out, err = run(capsys, "ping", *form, "--network", "line")
    assert code == 0 and err == ""
    assert len(re.findall(r"^64 bytes from .*icmp_seq=\d+ ttl=\d+ time=[\d.]+ ms$", out, re.M)) == 4
    assert "4 packets transmitted, 4 received, 0% packet loss" in out
    minimum, average, maximum, _ = map(float, re.search(r"min/avg/max/mdev = ([\d./]+) ms", out)[1].split("/"))
    assert minimum <= average <= maximum


@pytest.mark.parametrize("tool", ["ping", "traceroute", "web", "proxy", "lab", "doctor"])
def test_what_a_tool_does_not_know_is_told_with_its_own_usage(capsys, tool):
    host = {"ping": ["server"], "traceroute": ["server"], "lab": ["line"]}.get(tool, [])
    code, out, err = run(capsys, tool, *host, "--frobnicate")
    assert code == 2 and out == ""
    assert err.startswith(f"usage: python -m netlab {tool} [-h]")
    assert err.endswith(f"python -m netlab {tool}: error: unrecognized arguments: --frobnicate\n")


def test_what_the_command_does_not_know_is_told_with_the_tools(capsys):
    code, _, err = run(capsys, "--frobnicate", "web")
    assert code == 2 and err.startswith("usage: python -m netlab [-h] TOOL")


def test_nothing_answered_is_1(capsys):
    code, out, _ = run(capsys, "ping", "server", "-c2", "-t1", "--ttl", "1", "--network", "line")
    assert code == 1 and "TTL exceeded" in out
    code, out, _ = run(capsys, "ping", "drop.broken.example", "-c2", "-t1", "--network", "broken")
    assert code == 1 and "2 lost, 100% packet loss" in out


@pytest.mark.parametrize(
    "wrong",
    [
        ["nobody.example", "-c1"], ["server", "-c0"], ["server", "--ttl", "300"], ["server", "-s", "70000"],
        ["server", "-t", "-1"], ["server", "-c1", "-p", "sctp"], ["server"], ["server", "-cx"], [],
    ],
)  # fmt: skip
def test_wrong_input_is_2_with_one_clear_sentence(capsys, wrong):
    code, out, err = run(capsys, "ping", *wrong, "--network", "line")
    assert code == 2 and out == "" and err and "Traceback" not in err


def test_an_unknown_network_is_2(capsys):
    code, _, err = run(capsys, "ping", "server", "-c1", "--network", "nowhere")
    assert code == 2 and "campus" in err


def test_json_is_one_object_per_probe_with_the_tables_columns(capsys):
    code, out, _ = run(capsys, "ping", "server", "-c3", "--network", "line", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and len(rows) == 3
    assert list(rows[0]) == list(frames.PROBES) and rows[0]["outcome"] == "reply"
    assert bytes.fromhex(rows[0]["request"])[0] >> 4 == 4


def test_csv_has_the_tables_columns_and_nothing_else(capsys):
    code, out, _ = run(capsys, "ping", "server", "-c2", "--ttl", "1", "--network", "line", "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 1 and [row["outcome"] for row in rows] == ["time-exceeded"] * 2
    assert list(rows[0]) == list(frames.PROBES)


def test_many_hosts_each_have_their_figures(capsys):
    _, out, _ = run(capsys, "ping", "server", "r1", "-c2", "--network", "line")
    assert out.count("ping statistics") == 2


def test_families_and_quiet(capsys):
    _, out, _ = run(capsys, "ping", "-6", "server", "-c1", "--network", "line")
    assert "2001:db8:" in out
    _, out, _ = run(capsys, "ping", "-q", "server", "-c2", "--network", "line")
    assert "icmp_seq" not in out and "2 packets transmitted" in out


def test_the_environment_chooses_the_network(capsys, monkeypatch):
    monkeypatch.setenv("NETLAB_NETWORK", "line")
    assert run(capsys, "ping", "server", "-c1")[0] == 0


def test_neither_pandas_nor_matplotlib_is_loaded():
    code = (
        "import sys; from netlab.cli import main; main(['ping', 'server', '-c1', '--network', 'line', '--json']); "
        "print(sorted({'pandas', 'matplotlib', 'numpy', 'ipywidgets'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_output_that_cannot_be_written_is_2_without_a_traceback():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*PING, "server", "-c1", "--network", "line"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2 and "No space left" in done.stderr and "Traceback" not in done.stderr


def test_who_may_not_ping_is_told_what_to_do_on_the_command_line(capsys, monkeypatch):
    from netlab.errors import PermissionNeeded
    from netlab.network.live import LiveNetwork

    def refuse(*_):
        raise PermissionNeeded("ICMP is not allowed here", ["ask"])

    monkeypatch.setattr(LiveNetwork, "identifier", refuse)
    code, out, err = run(capsys, "ping", "127.0.0.1", "-c1", "--network", "live")
    assert code == 2 and out == "" and "--network campus" in err


def test_help_names_the_tools(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0 and "ping" in out and "doctor" in out and "lab" in out


@pytest.mark.network
def test_ctrl_c_ends_it_with_the_figures():
    process = subprocess.Popen(
        [*PING, "127.0.0.1", "-i", "0.05", "-t1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    first = process.stdout.readline()
    if process.poll() is not None and "not allowed" in process.stderr.read():
        pytest.skip("ICMP is not allowed here (ping_group_range is closed and this is not root)")
    second = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=10)
    if "not allowed" in errors:
        pytest.skip("ICMP is not allowed here (ping_group_range is closed and this is not root)")
    assert first.startswith("PING 127.0.0.1") and "icmp_seq=1" in second
    assert process.returncode == 0 and "min/avg/max" in rest and errors == ""
