import os
from io import StringIO

import pytest

from tools.local_stack.console import Console, table


@pytest.fixture
def output() -> StringIO:
    return StringIO()


@pytest.fixture
def console(output: StringIO) -> Console:
    return Console(output)


def test_logs_wait_until_the_start_is_over(console: Console, output: StringIO) -> None:
    console.log("link", b'{"event": "started"}\n')
    console.say("Delinkcious is ready")
    console.release()
    console.log("link", b'{"event": "request"}\n')
    assert output.getvalue().splitlines() == [
        "Delinkcious is ready",
        '{"event": "started"}',
        '{"event": "request"}',
    ]


def test_lines_of_two_processes_are_not_mixed(console: Console, output: StringIO) -> None:
    console.release()
    console.log("link", b"one ")
    console.log("news", b"other\n")
    console.log("link", b"line\nand a rest")
    assert output.getvalue() == "other\none line\n"


def test_a_character_cut_in_two_is_put_together(console: Console, output: StringIO) -> None:
    console.release()
    euro = "€\n".encode()
    console.log("link", euro[:1])
    console.log("link", euro[1:])
    assert output.getvalue() == "€\n"


def test_tables_are_aligned() -> None:
    assert table(("NAME", "PID"), [("link-manager", 7), ("a", 12345)]) == [
        "NAME          PID",
        "link-manager  7",
        "a             12345",
    ]


def test_the_stack_runs_on_when_nobody_reads(capfd: pytest.CaptureFixture[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as output:
        console = Console(output)
        console.say("lost")
        console.say("lost too")
    assert capfd.readouterr().err == ""
