"""The secrets that services share with their peers."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from delinkcious import redaction
from delinkcious.auth import ANONYMOUS, MutualAuth
from delinkcious.config import ConfigurationError, ServiceSettings
from delinkcious.redaction import REDACTED

Written = Callable[[str], MutualAuth]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mutual-auth.yaml"


@pytest.fixture
def written(file: Path) -> Written:
    """Reads the secrets from a file with this content."""

    def read(content: str) -> MutualAuth:
        file.write_text(content)
        return MutualAuth.from_settings(ServiceSettings(port=1, mutual_auth_file=file))

    return read


def refusal(file: Path) -> str:
    """Returns what is said of a file that stops the start."""
    with pytest.raises(ConfigurationError) as error:
        MutualAuth.from_settings(ServiceSettings(port=1, mutual_auth_file=file))
    said = str(error.value)
    assert said.startswith(f"MUTUAL_AUTH_FILE: {file}: ")
    assert "\n" not in said
    return said


def test_a_token_tells_who_calls(written: Written) -> None:
    auth = written("ann: token-a\nbob: token-b\n")
    assert auth.caller_of("token-a") == "ann"
    assert auth.caller_of("token-b") == "bob"


@pytest.mark.parametrize("token", [None, "", "token", "token-a ", "TOKEN-A", "ann", "caf\xe9"])
def test_an_unknown_token_belongs_to_nobody(written: Written, token: str | None) -> None:
    assert written("ann: token-a").caller_of(token) is None


@given(token=st.text(st.characters(codec="latin-1")))
def test_whatever_is_sent_as_a_token_is_only_unknown(token: str) -> None:
    """WSGI hands headers over as Latin-1."""
    assert MutualAuth({"ann": ["\N{SNOWMAN}"]}).caller_of(token) is None


def test_the_token_for_a_peer_is_the_one_shared_with_it(written: Written) -> None:
    assert written("ann: token-a\nbob: token-b\n").token_for("bob") == "token-b"


def test_a_peer_without_a_token_is_a_mistake_in_the_configuration(written: Written) -> None:
    with pytest.raises(ConfigurationError, match="no token for bob"):
        written("ann: token-a").token_for("bob")


def test_while_a_token_is_changed_both_are_accepted_and_the_first_is_sent(
    written: Written,
) -> None:
    auth = written("ann: [new, old]")
    assert [auth.caller_of(token) for token in ("new", "old")] == ["ann", "ann"]
    assert auth.token_for("ann") == "new"


def test_two_ends_with_their_own_orders_of_tokens_still_understand_each_other(
    written: Written,
) -> None:
    """Files are changed one after the other, and no call may fail in between."""
    before = written("ann: [old]")
    adding = written("ann: [old, new]")
    switching = written("ann: [new, old]")
    for here, there in [(before, adding), (adding, switching), (switching, adding)]:
        assert here.caller_of(there.token_for("ann")) == "ann"


def test_a_missing_file_stops_the_start_and_says_the_way_out(file: Path) -> None:
    said = refusal(file)
    assert "No such file or directory" in said
    assert "DELINKCIOUS_MUTUAL_AUTH=false" in said


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "it must map the names of services to tokens"),
        ("- ann\n", "it must map the names of services to tokens"),
        ("{}", "it must map the names of services to tokens"),
        ("ann: [", "it is not YAML"),
        ("ann: \0", "it is not YAML"),
        ("ann: 2001-99-99", "it is not YAML"),
        ("[" * 1_000, "it is not YAML"),
        ("ann:", "ann must have a token, or a list of tokens"),
        ("ann: []", "ann must have a token, or a list of tokens"),
        ("ann: [token, '']", "ann must have a token, or a list of tokens"),
        ("ann: 12345", "ann must have a token, or a list of tokens"),
        ("ann: {token: a}", "ann must have a token, or a list of tokens"),
        ("ann: caf\xe9", "ann must have a token, or a list of tokens"),
        ("ann: 'two words'", "ann must have a token, or a list of tokens"),
        ('ann: "line\\nfeed"', "ann must have a token, or a list of tokens"),
        ("ann: same\nbob: [other, same]\n", "ann and bob share a token"),
    ],
)
def test_a_broken_file_stops_the_start(file: Path, content: str, reason: str) -> None:
    file.write_text(content, encoding="utf-8")
    assert reason in refusal(file)


def test_a_file_that_is_not_text_stops_the_start(file: Path) -> None:
    file.write_bytes(b"ann: \xff\xfe")
    assert "it is not YAML" in refusal(file)


def test_what_is_wrong_with_a_file_is_said_without_its_secrets(file: Path) -> None:
    file.write_text("ann: [s3cret, 7]\n")
    assert "s3cret" not in refusal(file)


def test_the_check_can_be_turned_off_and_that_is_said_aloud(tmp_path: Path) -> None:
    settings = ServiceSettings(
        port=1, delinkcious_mutual_auth=False, mutual_auth_file=tmp_path / "missing"
    )
    with capture_logs() as logs:
        auth = MutualAuth.from_settings(settings)
    assert [(log["log_level"], log["event"]) for log in logs] == [("warning", "mutual_auth_off")]
    assert not auth.enabled
    assert auth.token_for("ann") is None
    assert auth.caller_of(None) == auth.caller_of("anything") == ANONYMOUS


@pytest.mark.parametrize("value", ["", "true", "1"])
def test_nothing_but_saying_so_turns_it_off(
    monkeypatch: pytest.MonkeyPatch, file: Path, value: str
) -> None:
    monkeypatch.setenv("DELINKCIOUS_MUTUAL_AUTH", value)
    monkeypatch.setenv("MUTUAL_AUTH_FILE", str(file))
    monkeypatch.setenv("PORT", "1")
    with pytest.raises(ConfigurationError, match="MUTUAL_AUTH_FILE"):
        MutualAuth.from_settings(ServiceSettings.load())


def test_tokens_are_renewed_while_both_ends_go_on(tmp_path: Path) -> None:
    """The three steps of a rotation, at one end after the other; no call fails in between."""
    ends = {name: tmp_path / f"{name}.yaml" for name in ("ann", "bob")}
    for file in ends.values():
        file.write_text("ann: old\n" if file.stem == "bob" else "bob: old\n")
    auth = {name: MutualAuth(None, file=file) for name, file in ends.items()}
    send = auth["ann"].credential_for("bob")
    sent = []
    for tokens in ("[old, new]", "[new, old]", "[new]"):
        for name, peer in (("ann", "bob"), ("bob", "ann")):
            ends[name].write_text(f"{peer}: {tokens}\n")
            auth[name]._tokens.look()  # type: ignore[union-attr]
            assert auth["bob"].caller_of(send()) == "ann"
            sent.append(send())
    assert sent[0] == "old"
    assert sent[-1] == "new"
    assert auth["bob"].caller_of("old") is None


def test_a_changed_file_without_a_peer_that_is_called_is_refused(file: Path) -> None:
    file.write_text("ann: a\nbob: b\n")
    auth = MutualAuth(None, file=file)
    send = auth.credential_for("bob")
    with capture_logs() as logs:
        file.write_text("ann: another\n")
        auth._tokens.look()  # type: ignore[union-attr]
    assert send() == "b"
    assert auth.caller_of("a") == "ann"
    # Files of tests before this one are still looked at, in the background.
    (reason,) = [log["reason"] for log in logs if log["event"] == "file_refused"]
    assert "there is no token for bob" in reason


def test_the_tokens_are_taken_out_of_what_is_logged(written: Written) -> None:
    written("ann: [the-token-of-ann, her-old-token]\n")
    assert redaction.clean("the-token-of-ann her-old-token") == f"{REDACTED} {REDACTED}"
