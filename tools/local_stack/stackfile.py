"""`stack.json`: where everything is, for tools and tests; there only while the stack runs."""

import json
from collections.abc import Mapping
from typing import Any

from delinkcious.testing.embedded import EmbeddedNats, Server
from tools.local_stack.stack import Program, Stack
from tools.local_stack.whole import write_whole

NAME = "stack.json"


def write(stack: Stack, pids: Mapping[str, int]) -> None:
    """Describe the stack as it is now; a process that does not run at the moment has no pid."""
    write_whole(stack.directory / NAME, json.dumps(_description(stack, pids), indent=2) + "\n")


def remove(stack: Stack) -> None:
    """Say that nothing runs."""
    (stack.directory / NAME).unlink(missing_ok=True)


def _description(stack: Stack, pids: Mapping[str, int]) -> dict[str, Any]:
    return {
        "gateway": stack.gateway,
        "processes": [_process(program, pids) for program in stack.services],
        "servers": {server.name: _server(server, pids) for server in stack.servers},
    }


def _process(program: Program, pids: Mapping[str, int]) -> dict[str, Any]:
    return {
        "name": program.name,
        "role": program.role,
        "pid": pids.get(program.key),
        "port": program.port,
        "management_port": program.management_port,
    }


def _server(server: Server, pids: Mapping[str, int]) -> dict[str, Any]:
    place = {"host": "127.0.0.1", "port": server.port, "pid": pids.get(server.name)}
    if isinstance(server, EmbeddedNats):
        place["monitoring_port"] = server.monitoring_port
    return place
