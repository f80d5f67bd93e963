"""Run an embedded server for a test, which may stop, kill and start it at will."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from delinkcious.testing.embedded import Server
from delinkcious.testing.lifeline import die_with_parent
from delinkcious.testing.waiting import wait_until


class RunningServer:
    """An embedded server in a process, which a test may also stop, kill and start again."""

    def __init__(self, server: Server, log: Path) -> None:
        self.server = server
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process that runs now."""
        if self._process is None:
            raise RuntimeError(f"{self.server.name} does not run")
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it serves clients."""
        self.server.prepare()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.server.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for pytest, which stops it in order
                preexec_fn=die_with_parent(self.server.stop_signal),
            )
        wait_until(self._serves, 30, message=f"{self.server.name} answers; its log: {self.log}")

    def _serves(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"{self.server.name} ended at once: {self.log.read_text()[-2000:]}")
        return self.server.answers()

    def stop(self) -> None:
        """Stop it in good order; a server that does not end in 15 seconds is killed."""
        if self._process is None:
            return
        self._process.send_signal(self.server.stop_signal)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def running(server: Server, log: Path) -> Iterator[RunningServer]:
    """Run an embedded server as long as the context lasts."""
    process = RunningServer(server, log)
    try:
        process.start()
        yield process
    finally:
        process.stop()
