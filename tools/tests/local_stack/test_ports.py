import os
import socket

import pytest

from delinkcious.testing.waiting import free_port
from tools.local_stack.ports import PortTaken, check_free, holder


def test_free_ports_pass() -> None:
    check_free([(free_port(), "something")])


def test_a_taken_port_is_one_line_that_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(PortTaken) as raised:
            check_free([(free_port(), "another"), (port, "api-gateway serve")])
    line = str(raised.value)
    assert f"port {port} (for api-gateway serve) is taken by pid {os.getpid()} (" in line
    assert "DELINKCIOUS_PORTS=free make run" in line


def test_a_listener_on_all_interfaces_takes_the_port_too() -> None:
    with socket.create_server(("0.0.0.0", free_port())) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(PortTaken):
            check_free([(port, "api-gateway serve")])


def test_an_unknown_holder_is_not_guessed() -> None:
    assert holder(free_port()) == "another process"
