from io import StringIO
from pathlib import Path

from delinkcious.testing.waiting import free_port, wait_until
from tools.local_stack.console import Console
from tools.local_stack.stack import Program, Stack
from tools.local_stack.start import Start


def test_a_start_that_takes_long_is_explained(tmp_path: Path) -> None:
    absent = Program("news-manager", "work", [], {}, None, free_port())
    output = StringIO()
    stack = Stack(tmp_path, "http://127.0.0.1:5000", (), (), (absent,))
    start = Start(stack, Console(output), patience=0)
    assert not start.complete({"news-manager-work": 42})
    wait_until(
        lambda: (
            start.complete({})
            or "news-manager work cannot serve yet: does not answer" in output.getvalue()
        )
    )
    assert "ready" not in output.getvalue().replace("readiness", "")
