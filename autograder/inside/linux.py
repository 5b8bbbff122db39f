"""The few system calls that Python has no name for: namespaces, mounts, giving up privileges, and a filter of calls."""

import ctypes
import os
import platform
import struct

NEWNS, NEWUTS, NEWIPC, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x20000000, 0x40000000
NEWUSER, NEWCGROUP, NEWTIME = 0x10000000, 0x2000000, 0x80
_NOSUID, _NODEV, _NOEXEC, _REC, _PRIVATE = 2, 4, 8, 0x4000, 0x40000
_SET_DUMPABLE, _SET_SECCOMP, _SET_NO_NEW_PRIVS, _AMBIENT, _AMBIENT_CLEAR_ALL = 4, 22, 38, 47, 4

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Leave the namespaces named by *flags* for new ones; children go into a new process namespace."""
    _call("unshare", flags)


def make_mounts_private() -> None:
    """Keep what is mounted from now on to this namespace."""
    _call("mount", b"none", b"/", None, _REC | _PRIVATE, None)


def mount_proc() -> None:
    """Show the processes of this namespace, and no others, in /proc."""
    _call("mount", b"proc", b"/proc", b"proc", _NOSUID | _NODEV | _NOEXEC, None)


def mount_tmpfs(path: str, size: int) -> None:
    """Put an empty file system in memory, of *size* bytes at most, over *path*. Anybody may write there."""
    _call("mount", b"tmpfs", path.encode(), b"tmpfs", _NOSUID | _NODEV, f"size={size},mode=0777".encode())


def set_dumpable(dumpable: bool) -> None:
    """Say whether processes of the same user may look into this one."""
    _call("prctl", _SET_DUMPABLE, int(dumpable), 0, 0, 0)


def give_up_privileges(uid: int | None) -> None:
    """Become *uid*, a user that owns nothing (None: stay who you are), without any capability, for good."""
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    _call("prctl", _AMBIENT, _AMBIENT_CLEAR_ALL, 0, 0, 0)
    _call("capset", struct.pack("II", 0x20080522, 0), struct.pack("IIIIII", *[0] * 6))
    _call("prctl", _SET_NO_NEW_PRIVS, 1, 0, 0, 0)


# What a submission may not call, with its number on x86-64 and on 64-bit Arm. Namespaces and mounts would give it room
# that no limit counts; shared memory without a file, and kernel keys, the same; the rest reaches into other processes.
_REFUSED = {
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
}
_REFUSED_ON_GUARD = {
    "prlimit64": (302, 261),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
}
"""Refused where the first argument is the guard, which has the same user: nobody may limit it or hold it back."""
_GUARD = 1
_CLONE, _CLONE3 = (56, 220), (435, 435)
_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_EPERM, _ENOSYS = 1, 38
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000


def filter_calls() -> None:
    """Refuse the system calls above, for this process and all it starts. Raises OSError on other machines."""
    architecture, column = _ARCHITECTURES.get(platform.machine(), (0, -1))
    if column < 0:
        raise OSError(_ENOSYS, f"no filter of system calls is known for {platform.machine()}")
    program = _filter(architecture, column)
    buffer = ctypes.create_string_buffer(program)
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    _call("prctl", _SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _call("prctl", _SET_SECCOMP, 2, ctypes.c_char_p(header), 0, 0)


def _filter(architecture: int, column: int) -> bytes:
    """The filter as a program for the kernel: steps of 8 bytes, (code, jump if true, jump if false, value)."""

    def step(code: int, value: int, true: int = 0, false: int = 0) -> bytes:
        return struct.pack("HBBI", code, true, false, value)

    namespaces = NEWNS | NEWUTS | NEWIPC | NEWPID | NEWNET | NEWUSER | NEWCGROUP
    steps = [
        step(_LOAD, 4),  # the architecture
        step(_JUMP_EQUAL, architecture, true=1),
        step(_RETURN, _KILL),
        step(_LOAD, 0),  # the call's number
        step(_JUMP_AT_LEAST, 0x40000000, false=1),  # the x32 interface of x86-64 has numbers of its own
        step(_RETURN, _ERRNO | _ENOSYS),
        # clone3 hides its flags from filters; without it, the C library falls back to clone
        step(_JUMP_EQUAL, _CLONE3[column], false=1),
        step(_RETURN, _ERRNO | _ENOSYS),
    ]
    for numbers in _REFUSED.values():
        steps += [step(_JUMP_EQUAL, numbers[column], false=1), step(_RETURN, _ERRNO | _EPERM)]
    for numbers in _REFUSED_ON_GUARD.values():
        steps += [
            step(_JUMP_EQUAL, numbers[column], false=4),
            step(_LOAD, 16),  # the first argument
            step(_JUMP_EQUAL, _GUARD, false=1),
            step(_RETURN, _ERRNO | _EPERM),
            step(_RETURN, _ALLOW),
        ]
    steps += [
        step(_JUMP_EQUAL, _CLONE[column], false=3),
        step(_LOAD, 16),  # clone's flags
        step(_JUMP_ANY_BIT, namespaces, false=1),
        step(_RETURN, _ERRNO | _EPERM),
        step(_RETURN, _ALLOW),
    ]
    return b"".join(steps)
