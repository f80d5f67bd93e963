"""pip-audit, asked about a version with a flaw, one without, and with nobody to answer it.

The vulnerability service is the one thing that is not real: it speaks OSV's protocol.
"""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, ClassVar

import pytest

from delinkcious.testing.waiting import free_port
from tools.audit.outcome import Outcome
from tools.audit.vulnerabilities import look_for_vulnerabilities

FLAW = {
    "id": "GHSA-aaaa-bbbb-cccc",
    "aliases": ["CVE-2026-0001"],
    "modified": "2026-01-01T00:00:00Z",
    "summary": "It lets everybody in.",
    "affected": [
        {
            "package": {"name": "leaky", "ecosystem": "PyPI"},
            "ranges": [
                {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]},
            ],
        }
    ],
}


class _Osv(BaseHTTPRequestHandler):
    known: ClassVar[dict[str, Any]] = {"leaky": FLAW}

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        flaw = self.known.get(asked["package"]["name"])
        body = json.dumps({"vulns": [flaw]} if flaw else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture
def service() -> Iterator[str]:
    """The address of a vulnerability service."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Osv)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query"
    server.shutdown()
    thread.join()
    server.server_close()


def locked(root: Path, *names: str) -> Path:
    """A repository that locks version 1.0 of these."""
    (root / "requirements").mkdir()
    lines = [f"{name}==1.0 --hash=sha256:{'0' * 64}\n" for name in names]
    (root / "requirements" / "probe.txt").write_text("".join(lines))
    return root


def asking(address: str) -> list[str]:
    return ["--vulnerability-service", "osv", "--osv-url", address]


def test_a_known_vulnerability_is_named_with_its_remedy(tmp_path: Path, service: str) -> None:
    report = look_for_vulnerabilities(locked(tmp_path, "leaky", "tight"), asking(service))
    assert report.outcome is Outcome.FOUND
    (line,) = report.lines
    assert "leaky 1.0: " in line
    assert "CVE-2026-0001" in line
    assert "mended in 1.1" in line


def test_a_service_that_is_not_there_is_neither_clean_nor_a_vulnerability(tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/"
    report = look_for_vulnerabilities(locked(tmp_path, "tight"), asking(nobody))
    assert report.outcome is Outcome.UNCHECKED
    assert report.lines[0].startswith("vulnerabilities: NOT CHECKED: the service does not answer")
    assert "--vulnerability-service osv" in "".join(report.lines)


@pytest.mark.parametrize(
    ("answer", "outcome", "said"),
    [
        ({"version": "1.0", "vulns": []}, Outcome.CLEAN, "none known in 1 requirements"),
        ({"skip_reason": "Not found"}, Outcome.UNCHECKED, "knows nothing of 1 of 1 requirements"),
    ],
)
def test_a_requirement_that_the_service_does_not_know_is_not_clean(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: dict[str, Any],
    outcome: Outcome,
    said: str,
) -> None:
    """pip-audit itself ends in the same way for both."""
    output = json.dumps({"dependencies": [{"name": "tight", **answer}]})
    monkeypatch.setattr(
        "tools.audit.vulnerabilities._pip_audit",
        lambda *_: CompletedProcess([], 0, stdout=output, stderr=""),
    )
    report = look_for_vulnerabilities(tmp_path)
    assert report.outcome is outcome
    assert said in report.lines[0]
