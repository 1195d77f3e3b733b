"""Why the lab cannot start here, and what to do about it: from the step that failed and its errno to a sentence.

Nothing is guessed from settings beforehand: the lab's child really tries, and the settings only explain what it ran
into. user_namespaces(7) and namespaces(7) list when the kernel says EPERM, ENOSPC and EINVAL.
"""

from __future__ import annotations

import os
import stat
from errno import EACCES, EAFNOSUPPORT, EINVAL, ENODEV, ENOENT, ENOSPC, ENOSYS, ENXIO, EPERM, EROFS
from pathlib import Path

TUN = "/dev/net/tun"
VIRTUAL = 'use the virtual internet, which works everywhere: netlab.use("campus")'
APPARMOR = (
    "Ubuntu's AppArmor blocks user namespaces here (kernel.apparmor_restrict_unprivileged_userns=1)",
    "an administrator can allow them: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, "
    "or give this Python an AppArmor profile with `userns,`",
)


def explain(step: str, number: int) -> tuple[str, list[str]]:
    """The reason in words and the remedies, the easiest first, for a step of the lab's start and its errno."""
    reason, remedy = _cause(step, number)
    return reason, [remedy, VIRTUAL] if remedy else [VIRTUAL]


def _cause(step: str, number: int) -> tuple[str, str]:
    if step == "unshare user":
        return _user_namespace(number)
    if step == "unshare net" and number == ENOSPC:
        return _limit("net", "network namespaces")
    if step in ("open tun", "TUNSETIFF"):
        return _tun(step, number)
    if number in (EPERM, EACCES) and _setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return APPARMOR
    if step == "watch the parent" and number == ENOSYS:
        return "this kernel is too old for the lab", "use Linux 5.3 or newer"
    return f"the lab cannot start: {step}: {os.strerror(number)}", ""


def _user_namespace(number: int) -> tuple[str, str]:
    if number == ENOSPC:
        return _limit("user", "user namespaces")
    if number in (EINVAL, ENOSYS):
        return "this kernel has no user namespaces (CONFIG_USER_NS)", ""
    if _in_chroot():
        return "the lab is not possible inside a chroot", "start Python outside of it"
    if _setting("kernel/unprivileged_userns_clone") == "0":
        text = "user namespaces are for root only here (kernel.unprivileged_userns_clone=0)"
        return text, "an administrator can allow them: sudo sysctl -w kernel.unprivileged_userns_clone=1"
    if _seccomp() == "2":
        text = "this container forbids namespaces (its seccomp profile refuses unshare)"
        return text, "run it with a profile that allows unshare and setns"
    if _setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return APPARMOR
    return f"the kernel refuses user namespaces: {os.strerror(number)}", ""


def _limit(kind: str, what: str) -> tuple[str, str]:
    name = f"user.max_{kind}_namespaces"
    value = _setting(name.replace(".", "/", 1))
    found = f"({name}={value})" if value else f"({name})"
    reason = f"{what} are switched off {found}" if value == "0" else f"the limit of {what} is reached {found}"
    return reason, f"an administrator can allow them: sudo sysctl {name}=10000"


def _tun(step: str, number: int) -> tuple[str, str]:
    if step == "open tun" and number == ENOENT:
        return f"there is no {TUN}", f"in a container: start it with --device {TUN}"
    if step == "open tun" and number in (EACCES, EPERM):
        return f"{TUN} may not be opened{_mode()}", f"sudo chmod 0666 {TUN}"
    if number in (ENODEV, ENXIO):
        return "the kernel's TUN driver is not loaded", "sudo modprobe tun"
    if number == EPERM and _setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return APPARMOR
    return f"{step}: {os.strerror(number)}", ""


def explain_warning(step: str, errno: int, key: str = "") -> tuple[str, str]:
    """What the lab does without, and what would help; for the warnings of a start that went well."""
    if step == "open tun":
        reason, remedy = _tun(step, errno)
        return f"{reason}; veth pairs are used instead", remedy
    if step == "mount proc":
        return "the lab's processes see the machine's /proc (parts of it are covered, as in containers)", ""
    if step == "ipv6" and errno == EAFNOSUPPORT:
        return "no IPv6 here (ipv6.disable=1): the lab runs with IPv4 only", ""
    if step == "ipv6":
        return f"no IPv6 in namespaces here ({os.strerror(errno)}): the lab runs with IPv4 only", ""
    if step == "write sysctl" and errno == EROFS:
        return "/proc/sys cannot be written (a container): some settings are the machine's", ""
    return f"{step} {key}: {os.strerror(errno)}".replace(" :", ":"), ""


def _setting(path: str) -> str:
    """A sysctl, or "" when this kernel does not have it."""
    try:
        return Path("/proc/sys", path).read_text().strip()
    except OSError:
        return ""


def _seccomp() -> str:
    """ "2": system calls are filtered."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return ""
    return next((line.split()[1] for line in lines if line.startswith("Seccomp:")), "")


def _in_chroot() -> bool:
    """Whether / is no mount point in our own list of mounts."""
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return False
    return all(line.split()[4] != "/" for line in lines)


def _mode() -> str:
    try:
        return f" (mode {stat.S_IMODE(os.stat(TUN).st_mode):04o})"
    except OSError:
        return ""
