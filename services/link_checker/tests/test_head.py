"""What is taken from the head of a response."""

import pytest

from link_checker.head import Head


def read(*lines: bytes, max_bytes: int = 1000) -> Head:
    head = Head(max_bytes)
    for line in lines:
        assert head.read(line + b"\r\n")
    return head


def test_a_head_is_complete_at_its_empty_line() -> None:
    lines = [b"HTTP/1.1 200 OK", b"CONTENT-TYPE:text/html; charset=\xe9 "]
    assert not read(*lines).complete
    head = read(*lines, b"")
    assert (head.complete, head.is_good, head.status) == (True, True, 200)
    assert head.content_type == "text/html; charset=é"


@pytest.mark.parametrize(
    ("line", "status"),
    [(b"HTTP/2 204", 204), (b"HTTP/1.0 999 No", 999), (b"HTTP/1.1 1000 OK", 0), (b"HTTP/1.1", 0)],
)
def test_the_status_is_in_the_first_line(line: bytes, status: int) -> None:
    assert read(line).status == status


@pytest.mark.parametrize(
    ("status", "location"), [(200, None), (300, None), (301, b"/a"), (308, b"/a"), (404, None)]
)
def test_only_a_redirect_leads_somewhere(status: int, location: bytes | None) -> None:
    head = read(b"HTTP/1.1 %d X" % status, b"Location: /a", b"")
    assert head.location == location


def test_a_redirect_without_a_target_leads_nowhere() -> None:
    assert read(b"HTTP/1.1 302 Found", b"Location:", b"").location is None


def test_what_is_said_before_the_final_head_is_not_part_of_it() -> None:
    hints = [b"HTTP/1.1 103 Early Hints", b"Content-Type: text/html", b""]
    assert not read(*hints).complete
    head = read(*hints, b"HTTP/1.1 200 OK", b"")
    assert (head.complete, head.content_type) == (True, "")


def test_what_is_said_after_the_body_changes_nothing() -> None:
    head = read(b"HTTP/1.1 200 OK", b"", b"Content-Type: text/html", b"HTTP/1.1 404 X")
    assert (head.status, head.content_type) == (200, "")


def test_there_is_room_for_so_much() -> None:
    head = read(b"HTTP/1.1 200 OK", max_bytes=20)
    assert not head.read(b"X: y\r\n")
