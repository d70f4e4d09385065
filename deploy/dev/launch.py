"""Become another program that dies with its parent, and that is not root. Standard library only; run as a script.

`python -I launch.py <parent pid> <signal number> <uid or -> <command> [argument …]`

The process keeps its id: this file replaces itself by the command. The kernel sends the signal when the thread that
started us ends, so start long-lived programs from a thread that lives as long as they should.
With a uid: supplementary groups are dropped, and the one capability CAP_DAC_OVERRIDE is kept (ambient), so that
PostgreSQL, which refuses to run as root, reaches its files below a home that is closed to others.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522

libc = ctypes.CDLL(None, use_errno=True)


def checked(result: int, what: str) -> None:
    """Raise OSError with the reason when a C call failed."""
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def drop(uid: int) -> None:
    """From root to `uid`, keeping CAP_DAC_OVERRIDE where the container grants it."""
    libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    bit = 1 << CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)  # effective, permitted, inheritable: low words, then high
    if libc.capset(header, sets) == 0:
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def main(parent: str, signal: str, uid: str, command: str, *arguments: str) -> None:
    """Drop rights, ask for the signal, replace this process."""
    if uid != "-":
        drop(int(uid))
    checked(libc.prctl(PR_SET_PDEATHSIG, int(signal), 0, 0, 0), "prctl")  # after the change of user: that clears it
    if os.getppid() != int(parent):
        sys.exit("the parent is gone")
    os.execv(command, [command, *arguments])  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main(*sys.argv[1:])
