"""monitor with real kernel packets: the path, the pace, and a verdict that busy machines do not change."""

from __future__ import annotations

import pytest

from netlab import frames
from netlab.api import use
from netlab.api_verdict import monitor, verdict
from tests.support.lab import need_lab

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("protocol", ["icmp", "udp"])
def test_rounds_in_the_lab_find_the_path_and_lose_nothing(protocol: str) -> None:
    need_lab()
    with use("lab:line") as network:
        frame = monitor("server", rounds=20, interval=0.1, protocol=protocol, network=network)
    figures = frames.summary(frame[frame["ttl"] <= 4], by_round=False)
    assert figures["ttl"].tolist() == [1, 2, 3, 4]
    assert figures["received"].tolist() == [20] * 4
    assert (figures["ipg_ms"] > 99).all(), "no hop is asked sooner than every interval"
    gaps = frame[frame["ttl"] == 1].sort_values("sequence")["sent_at"].diff().dropna().dt.total_seconds()
    assert gaps.min() > 0.09, "a late machine does not catch up in a burst"
    assert set(verdict(frame)["verdict"]) == {"no loss"}
