"""What happens when: services after migrations, a word when all is ready, a word when one dies."""

from tools.local_stack import leftovers, stackfile
from tools.local_stack.console import Console
from tools.local_stack.stack import Program, Stack
from tools.local_stack.start import Start
from tools.local_stack.supervise import Programs


class Operator:
    """Observes the programs of one stack, starts its services, and tells the console."""

    def __init__(self, stack: Stack, console: Console) -> None:
        self.succeeded = True
        self._stack = stack
        self._console = console
        self._migrating = {program.key: program for program in stack.migrations}
        self._titles = {program.key: str(program) for program in stack.services}
        self._titles |= {server.name: f"the {server.name} server" for server in stack.servers}
        self._pids: dict[str, int] = {}
        self._deaths: dict[str, str] = {}
        self._start: Start | None = None
        self._stopping = False

    def running(self, programs: Programs) -> None:
        """The servers and the migrations are on their way."""
        if self._migrating:
            names = ", ".join(program.name for program in self._migrating.values())
            self._console.say(f"migrating the databases of {names}")
        else:
            self._start_services(programs)

    def started(self, name: str, pid: int) -> None:
        """Note the new process, and say so if it follows one that died."""
        if name not in self._titles:
            return
        self._pids[name] = pid
        self._record()
        if how := self._deaths.pop(name, None):
            self._console.say(f"{self._titles[name]} ended ({how}); it runs again as pid {pid}")

    def ended(self, programs: Programs, name: str, how: str, *, success: bool) -> None:
        """Note a death; after the last migration, start the services."""
        if self._stopping:
            return
        if name in self._titles:
            self._console.release()  # whoever looks now wants to know why
            self._deaths[name] = how
            self._pids.pop(name, None)
            self._record()
        elif migration := self._migrating.pop(name, None):
            if not success:
                self._fail(programs, migration, how)
            elif not self._migrating:
                self._start_services(programs)

    def wrote(self, name: str, data: bytes) -> None:
        """Show what a service writes."""
        self._console.log(name, data)

    def stopping(self) -> None:
        """Say why it may take some seconds more."""
        self._stopping = True
        self._console.say("stopping")

    def beat(self) -> None:
        """Look whether the start is complete."""
        if self._start and not self._stopping and self._start.complete(self._pids):
            self._start = None

    def _start_services(self, programs: Programs) -> None:
        self._console.say(f"starting {len(self._stack.services)} processes")
        programs.start(program.key for program in self._stack.services)
        self._start = Start(self._stack, self._console)

    def _fail(self, programs: Programs, migration: Program, how: str) -> None:
        self.succeeded = False
        log = self._stack.logs / f"{migration.key}.log"
        lines = log.read_text(errors="replace").split("\n") if log.exists() else []
        last = next((line for line in reversed(lines) if line.strip()), "it wrote nothing")
        self._console.say(f"the migration of {migration.name} failed ({how}): {last} (see {log})")
        programs.stop()

    def _record(self) -> None:
        stackfile.write(self._stack, self._pids)
        leftovers.record(self._stack.directory, self._pids.values())
