"""What is in the lab's way, in words: simulated machines, each with what the kernel says there."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from netlab.network import lab_causes
from netlab.network.lab_causes import VIRTUAL, explain, explain_warning


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A machine whose settings a test can choose."""
    settings: dict[str, str] = {}
    monkeypatch.setattr(lab_causes, "_setting", lambda path: settings.get(path, ""))
    monkeypatch.setattr(lab_causes, "_seccomp", lambda: settings.get("seccomp", "0"))
    monkeypatch.setattr(lab_causes, "_in_chroot", lambda: "chroot" in settings)
    monkeypatch.setattr(lab_causes, "_mode", lambda: " (mode 0600)")
    return settings


@pytest.mark.parametrize(
    ("step", "number", "settings", "reason", "remedy"),
    [
        ("unshare user", errno.ENOSPC, {"user/max_user_namespaces": "0"}, "switched off", "max_user_namespaces=10000"),
        ("unshare user", errno.ENOSPC, {"user/max_user_namespaces": "9"}, "limit of user namespaces", "10000"),
        ("unshare user", errno.EPERM, {"seccomp": "2"}, "container forbids namespaces", "allows unshare and setns"),
        ("unshare user", errno.EPERM, {"kernel/unprivileged_userns_clone": "0"}, "for root only", "userns_clone=1"),
        ("unshare user", errno.EPERM, {"chroot": "1"}, "inside a chroot", ""),
        ("unshare user", errno.EINVAL, {}, "no user namespaces (CONFIG_USER_NS)", ""),
        ("unshare user", errno.EPERM, {}, "the kernel refuses user namespaces", ""),
        ("unshare net", errno.ENOSPC, {"user/max_net_namespaces": "0"}, "network namespaces", "net_namespaces=10000"),
        *[
            (step, number, {"kernel/apparmor_restrict_unprivileged_userns": "1"}, "Ubuntu's AppArmor", "userns=0")
            for step in ("write setgroups", "write uid_map", "unshare net", "mount", "TUNSETIFF")
            for number in (errno.EPERM, errno.EACCES)
            if (step, number) != ("TUNSETIFF", errno.EACCES)
        ],
        ("open tun", errno.ENOENT, {}, "there is no /dev/net/tun", "--device /dev/net/tun"),
        ("open tun", errno.EACCES, {}, "/dev/net/tun may not be opened (mode 0600)", "chmod 0666 /dev/net/tun"),
        ("open tun", errno.ENODEV, {}, "driver is not loaded", "modprobe tun"),
        ("add address", errno.EINVAL, {}, "the lab cannot start: add address: Invalid argument", ""),
    ],
)
def test_a_step_that_fails_is_explained(
    machine: dict[str, str], step: str, number: int, settings: dict[str, str], reason: str, remedy: str
) -> None:
    machine.update(settings)
    said, remedies = explain(step, number)
    assert reason in said
    assert remedy in remedies[0]
    assert remedies[-1] == VIRTUAL


@pytest.mark.parametrize(
    ("step", "number", "text"),
    [
        ("open tun", errno.EACCES, "veth pairs are used instead"),
        ("mount proc", errno.EPERM, "machine's /proc"),
        ("write sysctl", errno.EROFS, "/proc/sys cannot be written"),
        ("ipv6", errno.EAFNOSUPPORT, "IPv4 only"),
        ("ipv6", errno.EACCES, "IPv4 only"),
        ("write sysctl", errno.EINVAL, "write sysctl some/key: Invalid argument"),
    ],
)
def test_what_the_lab_does_without_is_said(step: str, number: int, text: str) -> None:
    assert text in explain_warning(step, number, "some/key")[0]


def test_this_machine_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    if Path("/proc/self/mountinfo").exists():
        assert lab_causes._seccomp() in ("0", "1", "2")
        assert lab_causes._setting("kernel/ostype") == "Linux"
    assert lab_causes._setting("no/such/setting") == ""
