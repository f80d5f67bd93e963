"""The configuration file of supervisor for one stack."""

import re
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from delinkcious.testing.embedded import CannotPrepare, Server
from tools.local_stack.stack import Program, Stack

REPOSITORY = Path(__file__).parents[2]

_LONGEST_SOCKET_PATH = 90  # the kernel takes 107 bytes, and supervisor appends its pid

Sections = Iterator[tuple[str, dict[str, object]]]


def configuration(stack: Stack) -> str:
    """What supervisor reads."""
    lines = []
    for name, options in _sections(stack):
        lines.append(f"[{name}]")
        lines += [f"{key}={value}" for key, value in options.items()]
        lines.append("")
    return "\n".join(lines)


def _sections(stack: Stack) -> Sections:
    yield from _supervisor(stack.directory)
    for server in stack.servers:
        yield f"program:{server.name}", _server(server, stack)
    for program in stack.migrations:
        yield f"program:{program.key}", _migration(program, stack)
    for program in stack.services:
        yield f"program:{program.key}", _service(program, stack)
    # Stopped group by group, the highest number first: services may still need the servers.
    yield "group:servers", _group(1, [server.name for server in stack.servers])
    if stack.migrations:
        yield "group:migrations", _group(2, [program.key for program in stack.migrations])
    yield "group:services", _group(3, [program.key for program in stack.services])


def _supervisor(directory: Path) -> Sections:
    """Our own process, and a socket through which `supervisorctl` can stop and start programs."""
    socket = control_socket(directory)
    yield (
        "supervisord",
        {
            "nodaemon": "true",
            "silent": "true",
            "logfile": _escaped(directory / "logs" / "supervisor.log"),
            "pidfile": _escaped(directory / "supervisor.pid"),
            "childlogdir": _escaped(directory / "logs"),
            "nocleanup": "true",
            "minfds": 256,
            "minprocs": 64,
        },
    )
    yield "unix_http_server", {"file": _escaped(socket), "chmod": "0700"}
    yield "supervisorctl", {"serverurl": f"unix://{_escaped(socket)}"}
    yield (
        "rpcinterface:supervisor",
        {"supervisor.rpcinterface_factory": ("supervisor.rpcinterface:make_main_rpcinterface")},
    )


def control_socket(directory: Path) -> Path:
    """Where `supervisorctl` reaches the stack; elsewhere when the folder's path is too long."""
    socket = directory / "supervisor.sock"
    if len(str(socket)) <= _LONGEST_SOCKET_PATH:
        return socket
    name = sha256(str(directory).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"delinkcious-{name}.sock"


def _server(server: Server, stack: Stack) -> dict[str, object]:
    return {
        **_program(server.name, server.command(), stack),
        "autostart": "true",
        "autorestart": "true",
        "stopsignal": server.stop_signal.name.removeprefix("SIG"),
        "stopwaitsecs": 15,
    }


def _migration(program: Program, stack: Stack) -> dict[str, object]:
    return {
        **_program(program.key, program.command, stack, program.environment),
        "autostart": "true",
        "autorestart": "false",
        "startsecs": 0,
    }


def _service(program: Program, stack: Stack) -> dict[str, object]:
    return {
        **_program(program.key, program.command, stack, program.environment),
        "autostart": "false",  # not before the migrations have ended
        "autorestart": "true",
        "stopwaitsecs": stack.patience,
        "stdout_events_enabled": "true",  # to the console
    }


def _program(
    key: str, command: list[str], stack: Stack, environment: Mapping[str, str] | None = None
) -> dict[str, object]:
    return {
        "command": shlex.join(map(_checked, command)).replace("%", "%%"),
        "directory": _escaped(REPOSITORY),
        "environment": ",".join(f"{k}={_quoted(v)}" for k, v in (environment or {}).items()),
        "startsecs": 1,
        "startretries": 1_000_000,
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": _escaped(stack.logs / f"{key}.log"),
        "stdout_logfile_maxbytes": "5MB",
        "stdout_logfile_backups": 1,
    }


def _group(priority: int, members: list[str]) -> dict[str, object]:
    return {"programs": ",".join(members), "priority": priority}


def _quoted(value: str) -> str:
    return f'"{_escaped(value)}"'


def _escaped(value: object) -> str:
    """Supervisor expands `%(name)s` in all values."""
    return _checked(str(value)).replace("%", "%%")


def _checked(text: str) -> str:
    """Supervisor's format knows no way to write these: a quote, a line's end, a comment's start."""
    if found := re.search(r'"|\n|\s[#;]', text):
        raise CannotPrepare(
            f"supervisor cannot be given {found[0]!r} in {text!r}: rename the folder"
        )
    return text
