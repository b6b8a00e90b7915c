"""Servers on a core of their own, and what the kernel says of them."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import free_port, running

ROOT = Path(__file__).resolve().parents[2]
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cores:
    """The core of the server and that of the load; the same where there is only one."""

    server: int
    load: int

    @classmethod
    def available(cls) -> "Cores":
        """Return the first and the last core this process may use."""
        cores = sorted(os.sched_getaffinity(0))
        return cls(cores[0], cores[-1])


@dataclass(frozen=True, slots=True)
class Memory:
    """What a process holds, in megabytes of 1,000,000 bytes."""

    rss: float
    pss: float


@dataclass(frozen=True, slots=True)
class Server:
    """A server of one worker."""

    port: int
    pid: int
    seconds_to_ready: float

    def cpu_seconds(self) -> float:
        """Return the processor time all its processes have used."""
        return sum(_cpu_ticks(pid) for pid in self._processes()) / TICKS

    def memory(self) -> Memory:
        """Return the memory of its worker: the largest of its processes."""
        return max((_memory(pid) for pid in self._processes()), key=lambda memory: memory.rss)

    def _processes(self) -> list[int]:
        parents = _parents()
        family = [self.pid]
        for pid in family:
            family += [child for child, parent in parents.items() if parent == pid]
        return family


@contextmanager
def serving(
    command: Callable[[int], Sequence[str]],
    environment: dict[str, str],
    cores: Cores,
    log: Path,
    ready: Callable[[int], bool],
) -> Iterator[Server]:
    """Run a server for the length of a block.

    Parameters
    ----------
    command
        Port -> the command line.
    ready
        Port -> whether the server has answered.
    """
    port = free_port()
    said = [f"{name}={value}" for name, value in (_kept() | environment).items()]
    pinned = ["taskset", "--cpu-list", str(cores.server), "env", "-i", *said]
    started = time.perf_counter()
    with running([*pinned, *command(port)], log=log, ready=lambda: ready(port)) as process:
        yield Server(port, process.pid, time.perf_counter() - started)


def _kept() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}


def _parents() -> dict[int, int]:
    """Return the parent of every process."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(_fields(path)[1])
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
    return parents


def _cpu_ticks(pid: int) -> int:
    """Return user and system time of a process and of the children it has waited for."""
    return sum(int(ticks) for ticks in _fields(Path(f"/proc/{pid}/stat"))[11:15])


def _fields(path: Path) -> list[str]:
    """Return the fields from the state and the parent on; the name before them may hold blanks."""
    return path.read_text().rpartition(")")[2].split()


def _memory(pid: int) -> Memory:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    kilobytes = {line.split()[0].rstrip(":"): int(line.split()[1]) for line in lines}
    return Memory(kilobytes["Rss"] * 1024 / 1e6, kilobytes["Pss"] * 1024 / 1e6)
