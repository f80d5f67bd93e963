import socket
from textwrap import dedent

import pytest

from delinkcious.testing.program import running_program
from delinkcious.testing.waiting import is_free

PROGRAM = dedent("""
    import resource
    import socket
    import sys

    port, word = sys.argv[1:]
    with socket.create_server(("127.0.0.1", int(port))) as listener:
        print("ready", flush=True)
        while True:
            with listener.accept()[0] as connection:
                limits = resource.getrlimit(resource.RLIMIT_NOFILE)
                connection.sendall(f"{word} {limits}".encode())
""")


def test_a_program_serves_with_its_arguments_and_few_files_until_the_end() -> None:
    with running_program(PROGRAM, "hello", files=(64, 128)) as port:
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            assert connection.recv(100) == b"hello (64, 128)"
        assert not is_free(port)
    assert is_free(port)


def test_a_program_ends_with_a_test_that_fails() -> None:
    ports = list[int]()

    def fail() -> None:
        with running_program(PROGRAM, "hello", files=(64, 128)) as port:
            ports.append(port)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert is_free(ports[0])


def test_a_program_that_does_not_serve_is_no_wait_in_vain() -> None:
    with pytest.raises(RuntimeError, match="does not serve"), running_program("", files=(64, 64)):
        pytest.fail("it does not serve")
