"""Find out before the start that a port is taken, and by whom."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from delinkcious.testing.waiting import is_free

_LISTENING = "0A"


class PortTaken(Exception):
    """Someone else listens on a port of the stack."""

    def __init__(self, port: int, wanted_by: str, holder: str) -> None:
        super().__init__(
            f"port {port} (for {wanted_by}) is taken by {holder}: stop that,"
            " or choose free ports with DELINKCIOUS_PORTS=free make run"
        )
        self.port = port


def check_free(wanted: Iterable[tuple[int, str]]) -> None:
    """Raise PortTaken for the first port that is not free."""
    for port, wanted_by in wanted:
        if not is_free(port):
            raise PortTaken(port, wanted_by, holder(port))


def holder(port: int) -> str:
    """Who listens on a port: as root for everybody's processes, otherwise for one's own."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for process in Path("/proc").glob("[0-9]*"):
        if sockets & set(_open_files(process)):
            return f"pid {process.name} ({_name(process)})"
    return "another process"


def _listening_inodes(port: int) -> Iterator[str]:
    """See proc_pid_net(5): local address in the second column, state in the fourth, inode tenth."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                columns = line.split()
                if columns[3] == _LISTENING and int(columns[1].rpartition(":")[2], 16) == port:
                    yield columns[9]


def _open_files(process: Path) -> Iterator[str]:
    with suppress(OSError):  # it has ended, or belongs to somebody else
        for file in (process / "fd").iterdir():
            with suppress(OSError):
                yield str(file.readlink())


def _name(process: Path) -> str:
    with suppress(OSError):
        return (process / "comm").read_text().strip()
    return "ended"
