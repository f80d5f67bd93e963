import shlex
import sys
from pathlib import Path

from supervisor.options import ServerOptions

from tools.local_stack.configuration import configuration, control_socket
from tools.local_stack.stack import Program, Stack


def stack(directory: Path, command: list[str], environment: dict[str, str]) -> Stack:
    program = Program("link-manager", "serve", command, environment)
    return Stack(directory, "", (), (), (program,))


def test_supervisor_reads_what_was_meant(tmp_path: Path) -> None:
    value = r"100% sure, it's a = b \ c"
    command = [sys.executable, "-c", "print('50%')"]
    (tmp_path / "logs").mkdir()
    path = tmp_path / "supervisord.conf"
    path.write_text(configuration(stack(tmp_path, command, {"ODD": value, "EMPTY": ""})))
    options = ServerOptions()
    options.realize(["-c", str(path)])
    [group] = [group for group in options.process_group_configs if group.process_configs]
    [read] = group.process_configs
    assert read.name == "link-manager-serve"
    assert read.environment == {"ODD": value, "EMPTY": ""}
    assert shlex.split(read.command) == command


def test_the_control_socket_has_a_short_path_wherever_the_folder_is(tmp_path: Path) -> None:
    assert control_socket(Path("/srv/.local")) == Path("/srv/.local/supervisor.sock")
    deep = tmp_path.joinpath(*["deeper"] * 20)
    assert len(str(control_socket(deep))) < 90
    assert control_socket(deep) != control_socket(deep / "other")
