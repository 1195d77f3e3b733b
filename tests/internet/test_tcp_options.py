"""Options and how connections fail."""

from __future__ import annotations

import pytest

from netlab.errors import UsageError
from netlab.internet.tcp_options import TEXTS, Options, Reset


def test_defaults_and_limits_can_be() -> None:
    assert Options().checked() == Options()
    assert Options(mss=1, send_buffer=1, receive_buffer=1, initial_window=1, syn_retries=0, retries=0).checked()
    assert Options(65_495, False, False, 1 << 30, 1 << 30, 1000, False, 100, 100).checked()


@pytest.mark.parametrize(
    "wrong",
    [
        {"mss": 0},
        {"mss": 65_496},
        {"send_buffer": 0},
        {"receive_buffer": (1 << 30) + 1},
        {"initial_window": 1001},
        {"syn_retries": 101},
        {"retries": -1},
    ],
)
def test_what_cannot_be_is_named(wrong: dict[str, int]) -> None:
    ((name, value),) = wrong.items()
    with pytest.raises(UsageError, match=f"{name}={value}: .*from"):
        Options(**wrong).checked()  # type: ignore[arg-type]


@pytest.mark.parametrize("reason", TEXTS)
def test_a_reset_says_why(reason: str) -> None:
    error = Reset(reason)
    assert error.reason == reason and str(error) == TEXTS[reason]
