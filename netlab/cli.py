"""``python -m netlab``: the tools on the command line, for people and for scripts.

No pandas, no matplotlib: the command starts as fast as Python does. Results go to standard output, everything else to
standard error. Exit codes are ping's: 0 something answered, 1 nothing did, 2 the call could not be carried out.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from netlab import frames
from netlab.errors import NetlabError, PermissionNeeded, UsageError

OK, NO_ANSWER, ERROR = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; gives the exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    command: list[str] = []
    if arguments[:1] == ["lab"] and "--" in arguments:  # what stands behind -- belongs to the command in the lab
        cut = arguments.index("--")
        arguments, command = arguments[:cut], arguments[cut + 1 :]
    if arguments[:1] == ["traceroute"]:  # the first netlab wrote -tpudp for -pudp, and that must go on working
        arguments = [f"-p{text[3:]}" if text[:3] == "-tp" else text for text in arguments]
    options = _parser().parse_args(arguments)
    options.command = command or getattr(options, "command", [])
    try:
        return int(options.run(options))
    except PermissionNeeded as error:
        print(f"netlab: {error}\nOn the command line: --network campus", file=sys.stderr)
        return ERROR
    except NetlabError as error:
        print(f"netlab: {getattr(error, 'strerror', None) or error}", file=sys.stderr)
        return ERROR
    except BrokenPipeError:  # | head
        sys.stdout = open(os.devnull, "w")
        return OK
    except OSError as error:  # the place where the output goes is full, or gone
        print(f"netlab: {error.strerror or error}", file=sys.stderr)
        return ERROR
    except KeyboardInterrupt:
        return 130


class _Help(argparse.HelpFormatter):
    """argparse would load a library just to ask how wide the terminal is, even when nobody wants help."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=min(_columns(), 120))


class _Tool(argparse.ArgumentParser):
    """A tool says itself what it does not know, under its own usage: argparse leaves that to the whole command."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        options, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return options, unknown


def _columns() -> int:
    columns = os.environ.get("COLUMNS", "")
    return max(40, int(columns)) if columns.isdigit() else 100


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        formatter_class=_Help,
        prog="python -m netlab",
        description="The Internet's oldest tools, to run and to look into.",
        epilog="The same tools in a notebook: import netlab; netlab.use('campus'); netlab.ping('www')",
    )
    tools = parser.add_subparsers(
        title="tools", metavar="TOOL", required=True, prog="python -m netlab", parser_class=_Tool
    )
    _add_ping(tools)
    _add_traceroute(tools)
    web = tools.add_parser("web", formatter_class=_Help, help="serve the files of a folder over HTTP")
    web.add_argument("directory", nargs="?", default=".", help="the folder (default: the current one)")
    web.add_argument("-p", "--port", type=_port, default=8080, metavar="N", help="port (default 8080; 0: any free one)")
    web.add_argument("--host", default="127.0.0.1", metavar="ADDR", help="address to listen at (default 127.0.0.1)")
    web.add_argument("--public", action="store_true", help="let other machines in, with --host ADDR or --host ''")
    web.add_argument("--cors", action="store_true", help="let pages of other origins read the answers")
    web.add_argument("--gzip", action="store_true", help="compress text that has no compressed copy beside it")
    web.add_argument(
        "--header", action="append", default=[], metavar="'NAME: VALUE'",
        help="a field for every answer; may be repeated",
    )  # fmt: skip
    web.add_argument("--cert", metavar="FILE", help="speak https with this certificate (PEM)")
    web.add_argument("--key", metavar="FILE", help="the certificate's key, if it is not in the same file")
    web.set_defaults(run=_web)
    _add_proxy(tools)
    lab = tools.add_parser(
        "lab",
        formatter_class=_Help,
        help="run a shell or a command on the vantage host of a world, with real packets (Linux)",
    )
    lab.add_argument("world", help="name or file of the world, such as campus")
    lab.add_argument("--host", help="start on another host of the world")
    lab.add_argument("--seed", type=int, default=1, help="of everything random in the world (default 1)")
    lab.add_argument("command", nargs="*", help="what to run, behind --; a shell if left out")
    lab.set_defaults(run=_lab)
    doctor = tools.add_parser(
        "doctor", formatter_class=_Help, help="say what this machine allows, and what to do about the rest"
    )
    doctor.add_argument("--json", action="store_true", help="as JSON")
    doctor.set_defaults(run=_doctor)
    return parser


def _number(text: str) -> int:
    """A whole number, also as 0x…"""
    try:
        return int(text, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number (also as 0xb8)") from None


def _port(text: str) -> int:
    """Where a server listens; whether it is in range is checked with the other arguments."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a whole number from 0 to 65535") from None


def _add_network(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--network",
        metavar="N",
        help="live (default), a world such as campus, or lab:campus; NETLAB_NETWORK sets the default",
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of a virtual network (default 1)")
    family = parser.add_mutually_exclusive_group()
    family.add_argument("-4", dest="family", action="store_const", const=4, help="IPv4 only")
    family.add_argument("-6", dest="family", action="store_const", const=6, help="IPv6 only")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object per probe, at the end")
    form.add_argument("--csv", action="store_true", help="comma-separated values, one line per probe, at the end")


def _add_ping(tools: Any) -> None:
    parser = tools.add_parser("ping", formatter_class=_Help, help="send echo requests and say what comes back")
    parser.add_argument("host", nargs="+", help="host name or address")
    parser.add_argument("-c", "--count", type=int, metavar="N", help="probes per host (default: until CTRL+C)")
    parser.add_argument(
        "-t", "--timeout", type=float, default=2.0, metavar="S", help="seconds to wait for an answer (default 2)"
    )
    parser.add_argument(
        "-i", "--interval", type=float, default=1.0, metavar="S", help="seconds between probes (default 1)"
    )
    parser.add_argument("-w", "--deadline", type=float, metavar="S", help="seconds after which everything ends")
    parser.add_argument("-s", "--size", type=int, default=56, metavar="B", help="bytes of payload (default 56)")
    parser.add_argument("--ttl", type=int, default=64, metavar="N", help="time to live (default 64)")
    parser.add_argument("-p", "--protocol", default="icmp", metavar="P", help="icmp (default), udp or tcp")
    parser.add_argument("--port", type=int, metavar="N", help="destination port of udp (33434) and tcp (80)")
    parser.add_argument("--kind", metavar="K", help="echo or timestamp (icmp), syn or ack (tcp)")
    parser.add_argument("--pattern", default="00", metavar="HEX", help="what the payload is filled with (default 00)")
    parser.add_argument("--tos", type=_number, default=0, metavar="N", help="TOS or traffic class, 0 to 255")
    parser.add_argument("-D", "--dont-fragment", action="store_true", help="forbid routers to cut the packet up")
    parser.add_argument("-A", "--adaptive", action="store_true", help="send the next probe as soon as one is answered")
    parser.add_argument(
        "-I", "--source", metavar="ADDR", help="our own address (in a world also the host to start from)"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="only the figures at the end")
    _add_network(parser)
    parser.set_defaults(run=_ping)


def _ping(options: argparse.Namespace) -> int:
    from time import monotonic

    from netlab.formats import ping_text
    from netlab.network import choose
    from netlab.probing import PingOptions, run_ping

    network = choose(options.network or os.environ.get("NETLAB_NETWORK") or "live", options.seed)
    checked = PingOptions(
        count=options.count,
        interval=options.interval,
        timeout=options.timeout,
        deadline=options.deadline,
        ttl=options.ttl,
        size=options.size,
        pattern=options.pattern,
        dont_fragment=options.dont_fragment,
        tos=options.tos,
        protocol=options.protocol,
        kind=options.kind,
        port=options.port,
        family=options.family,
        source=options.source,
        adaptive=options.adaptive,
    )
    if checked.count is None and network.virtual:
        raise UsageError(
            "count", None, f"say how many with -c: on {network.name} nothing takes time, so nothing would end it"
        )
    talk = not (options.json or options.csv)
    named = hasattr(network, "locate")
    started: list[float] = []

    def begin(targets: Any) -> None:
        from netlab.probe.build import packet_size

        for target in targets:
            version = 6 if ":" in target.address else 4
            payload = 0 if checked.protocol == "tcp" else 12 if checked.kind == "timestamp" else options.size
            whole = packet_size(checked.protocol, version, options.size, checked.kind or "echo")
            if talk:
                say(ping_text.head(target.destination, target.address, payload, whole, network.name))

    def notice(word: str, row: Any) -> None:
        if word == "sent":
            if not started:
                started.append(monotonic())
        elif talk and not options.quiet:
            say(ping_text.notice(word, row, options.timeout))

    rows = []
    ends = run_ping(options.host, checked, network, notice=notice, started=begin)
    for row in ends:
        rows.append(row)
        if named and row["responder"]:  # a world knows its names without asking anybody
            row["responder_name"] = network.reverse(row["responder"])
        if talk and not options.quiet and row["outcome"] != "pending":
            say(ping_text.line(row, options.timeout))
    elapsed = (monotonic() - started[0]) * 1000 if started else 0.0  # from the first packet, as ping counts
    rows.sort(key=lambda row: row["sequence"])
    if network.virtual and rows:
        sent = [row["sent_at"] for row in rows if row["sent_at"] is not None]
        elapsed = (max(sent) - min(sent)) / 1e6 if sent else 0.0
    network.close()
    if options.json:
        _print_json(rows)
    elif options.csv:
        _print_csv(rows)
    else:
        for destination in dict.fromkeys(row["destination"] for row in rows):
            say("")
            for text in ping_text.statistics([row for row in rows if row["destination"] == destination], elapsed):
                say(text)
    return _exit_code(rows, checked.count, checked.deadline)


def _add_traceroute(tools: Any) -> None:
    parser = tools.add_parser(
        "traceroute", formatter_class=_Help, help="find the routers on the way to a host; CTRL+C or CTRL+Z ends it"
    )
    parser.add_argument("host", help="host name or address")
    parser.add_argument(
        "-t", "--timeout", type=_timeout, default=3.0, metavar="S", help="seconds to wait for an answer (default 3)"
    )
    parser.add_argument("-p", "--protocol", default="icmp", metavar="P", help="icmp (default), udp or tcp")
    parser.add_argument("-q", "--attempts", type=int, default=3, metavar="N", help="probes per hop (default 3)")
    parser.add_argument("-m", "--max-ttl", type=int, default=30, metavar="N", help="largest TTL (default 30)")
    parser.add_argument("-f", "--first-ttl", type=int, default=1, metavar="N", help="TTL to begin with (default 1)")
    parser.add_argument("-N", "--window", type=int, default=16, metavar="N", help="probes in flight (default 16)")
    parser.add_argument(
        "-g", "--gap-limit", type=int, default=5, metavar="N", help="end after so many silent hops in a row (default 5)"
    )
    parser.add_argument("--port", type=int, metavar="N", help="destination port of udp (33434) and tcp (80)")
    parser.add_argument("--flow", default="paris", metavar="F", help="paris (default: one way) or classic")
    parser.add_argument("-s", "--size", type=int, default=32, metavar="B", help="bytes of payload (default 32)")
    parser.add_argument("--tos", type=_number, default=0, metavar="N", help="TOS or traffic class, 0 to 255")
    parser.add_argument("-D", "--dont-fragment", action="store_true", help="forbid routers to cut the packet up")
    parser.add_argument(
        "-I", "--source", metavar="ADDR", help="our own address (in a world also the host to start from)"
    )
    names = parser.add_mutually_exclusive_group()
    names.add_argument("--names", dest="names", action="store_true", default=True, help="look up names (default)")
    names.add_argument("-n", "--no-names", dest="names", action="store_false", help="addresses only")
    parser.add_argument(
        "-A", "--as-numbers", action="store_true", help="show AS numbers; asks a public service about real addresses"
    )
    _add_network(parser)
    parser.set_defaults(run=_traceroute)


def _timeout(text: str) -> float:
    """Seconds."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds") from None


def _traceroute(options: argparse.Namespace) -> int:
    from netlab.cli_trace import traceroute

    return traceroute(options)


def _add_proxy(tools: Any) -> None:
    proxy = tools.add_parser("proxy", formatter_class=_Help, help="forward http requests, and open tunnels for https")
    proxy.add_argument("-p", "--port", type=_port, default=8000, metavar="N", help="port (default 8000; 0: a free one)")
    proxy.add_argument("--host", default="127.0.0.1", metavar="ADDR", help="address to listen at (default 127.0.0.1)")
    proxy.add_argument(
        "-t", "--timeout", type=float, default=5.0, metavar="S", help="seconds to connect to a server (default 5)"
    )
    proxy.add_argument(
        "--allow", action="append", default=[], metavar="NET", help="let clients of this network in, too (repeatable)"
    )
    proxy.add_argument(
        "--allow-target", action="append", default=[], metavar="WHERE",
        help="name, address or network that everybody may reach; may be repeated",
    )  # fmt: skip
    proxy.add_argument(
        "--connect-port", action="append", type=int, default=[], metavar="N",
        help="port that tunnels may lead to, besides 443; may be repeated",
    )  # fmt: skip
    proxy.add_argument("--users", metavar="FILE", help="ask for a password; the file has a line name:password for each")
    proxy.add_argument(
        "--cache", nargs="?", type=int, const=64, metavar="MIB",
        help="keep answers in memory and use them again; in so many MiB (default 64)",
    )  # fmt: skip
    proxy.add_argument("--pseudonym", default="netlab", metavar="NAME", help="name in the field Via (default netlab)")
    proxy.add_argument(
        "--forwarded", choices=("on", "off", "delete"), default="off", help="tell servers who asks (default off)"
    )
    proxy.add_argument("--strict", action="store_true", help="refuse requests whose Host differs from their target")
    proxy.set_defaults(run=_proxy)


def _web(options: argparse.Namespace) -> int:
    from netlab.cli_web import web

    return web(options)


def _proxy(options: argparse.Namespace) -> int:
    from netlab.cli_web import proxy

    return proxy(options)


def _exit_code(rows: list[Any], count: int | None, deadline: float | None) -> int:
    """As iputils: 0 when something replied; 1 when nothing did, or less than ``-c`` asked for within ``-w``."""
    from netlab.formats.ping_text import is_reply

    replies = sum(map(is_reply, rows))
    if count is not None and deadline is not None and replies < count:
        return NO_ANSWER
    return OK if replies else NO_ANSWER


def say(text: str) -> None:
    print(text, flush=True)


def _plain(row: Any) -> dict[str, Any]:
    """A row as JSON and CSV have it: bytes as hexadecimal digits, NaN as nothing, the columns of PROBES."""
    plain = {}
    for name in frames.PROBES:
        value = row[name]
        if isinstance(value, bytes):
            value = value.hex()
        elif isinstance(value, float) and value != value:
            value = None
        plain[name] = value
    return plain


def _print_json(rows: list[Any]) -> None:
    import json

    for row in rows:
        say(json.dumps(_plain(row)))


def _print_csv(rows: list[Any]) -> None:
    import csv

    writer = csv.DictWriter(sys.stdout, list(frames.PROBES), lineterminator="\n")
    writer.writeheader()
    writer.writerows(_plain(row) for row in rows)


def _lab(options: argparse.Namespace) -> int:
    from netlab.network.lab_command import run

    return run(options.world, options.command, options.host, options.seed)


def _doctor(options: argparse.Namespace) -> int:
    from netlab.network.doctor import capabilities

    rows = capabilities()
    if options.json:
        import json

        say(json.dumps(rows, indent=2))
        return OK
    for row in rows:
        say(f"{row['works']:<7} {row['capability']}: {row['evidence']}")
        if row["remedy"] and row["works"] != "yes":
            say(f"{'':<7} -> {row['remedy']}")
    return OK
