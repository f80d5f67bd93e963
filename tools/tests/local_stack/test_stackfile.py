import json
from pathlib import Path

from tools.local_stack import stackfile
from tools.local_stack.credentials import Credentials
from tools.local_stack.environment import Environments
from tools.local_stack.layout import Layout
from tools.local_stack.stack import Stack, compose


def whole_stack(directory: Path) -> Stack:
    credentials = Credentials(directory / "secrets")
    credentials.prepare()
    return compose(Layout(), credentials, Environments(directory, Layout(), credentials))


def test_it_names_every_process_and_server(tmp_path: Path) -> None:
    stackfile.write(whole_stack(tmp_path), {"link-manager-work": 42, "nats": 43})
    content = json.loads((tmp_path / "stack.json").read_text())
    assert content["gateway"] == "http://127.0.0.1:5000"
    assert len(content["processes"]) == 12
    assert content["processes"][0] == {
        "name": "link-manager",
        "role": "serve",
        "pid": None,
        "port": 8080,
        "management_port": 18080,
    }
    assert content["processes"][1] == {
        "name": "link-manager",
        "role": "work",
        "pid": 42,
        "port": None,
        "management_port": 18081,
    }
    assert content["servers"]["nats"] == {
        "host": "127.0.0.1",
        "port": 14222,
        "pid": 43,
        "monitoring_port": 18222,
    }
    assert set(content["servers"]) == {"postgres", "redis", "nats"}


def test_it_goes_when_the_stack_stops(tmp_path: Path) -> None:
    stack = whole_stack(tmp_path)
    stackfile.write(stack, {})
    stackfile.remove(stack)
    stackfile.remove(stack)
    assert not (tmp_path / "stack.json").exists()


def test_every_role_of_every_service_is_in_the_stack(tmp_path: Path) -> None:
    stack = whole_stack(tmp_path)
    assert [str(program) for program in stack.migrations] == [
        "link-manager migrate",
        "social-graph-manager migrate",
        "user-manager migrate",
    ]
    assert [str(program) for program in stack.services] == [
        *("link-manager serve", "link-manager work"),
        *("social-graph-manager serve", "social-graph-manager work"),
        *("user-manager serve", "user-manager work"),
        *("news-manager serve", "news-manager work"),
        *("link-checker serve", "link-checker work"),
        *("api-gateway serve", "identity-provider serve"),
    ]
