"""A proxy on a host of a world: what it says of an origin that cannot be reached, in the world's own time."""

import pytest

import netlab


@pytest.mark.parametrize(
    ("origin", "status", "kind", "seconds"),
    [
        ("drop", 504, "connection_timeout", 5.0),
        ("down", 504, "connection_timeout", 5.0),
        ("noroute", 502, "destination_ip_unroutable", None),
        ("closed", 502, "connection_refused", None),
        ("nowhere", 502, "dns_error", 0.0),
    ],
)
def test_an_origin_that_cannot_be_reached_is_told_in_time(origin, status, kind, seconds):
    with netlab.use("broken"), netlab.ProxyServer(host="fine", port=8000) as proxy:
        phases = netlab.fetch(f"http://{origin}:8080/", proxy=proxy.url)
        row = proxy.log.iloc[0]
    answer = phases["answer"].iloc[-1]
    assert phases["status"].iloc[-1] == status and f"error={kind}".encode() in answer
    assert row["status"] == status and row["network"] == "virtual:broken"
    spent = row[["dns_ms", "connect_ms"]].fillna(0).sum()
    if seconds is not None:
        assert spent == pytest.approx(seconds * 1e3)
    else:
        assert 0 < spent < 5_000
    parts = row[["queue_ms", "dns_ms", "connect_ms", "send_ms", "wait_ms", "receive_ms"]].fillna(0).sum()
    assert parts == pytest.approx(row["total_ms"])


def test_the_same_exchange_takes_the_same_time_to_the_nanosecond(tmp_path):
    (tmp_path / "index.html").write_text("<p>Hello")
    rows = []
    for _ in range(2):
        with (
            netlab.use("campus"),
            netlab.WebServer(tmp_path, host="www", port=80),
            netlab.ProxyServer(host="dns", port=8000) as proxy,
        ):
            netlab.fetch("http://www/", proxy=proxy.url)
            rows.append(proxy.log.drop(columns="started_at").iloc[0].to_dict())
    assert repr(rows[0]) == repr(rows[1]) and rows[0]["upstream"] == "www:80" and rows[0]["connect_ms"] > 0
