"""Certificates: what is read from files, what is refused, and what is kept."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from delinkcious.config import ConfigurationError, ServiceSettings, TlsFiles
from delinkcious.testing.certificates import Authority, tls_settings
from delinkcious.tls import PLAIN, PemFiles, load, tls


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def files(authority: Authority) -> TlsFiles:
    return authority.issue("link-manager")


def test_without_files_nothing_is_encrypted() -> None:
    assert tls(None) is PLAIN
    assert tls(None).current is None


def test_a_renewed_certificate_is_what_counts_from_then_on(
    authority: Authority, files: TlsFiles
) -> None:
    current = tls(files)
    before = current.current
    authority.issue("link-manager")
    current.look()  # type: ignore[union-attr]
    assert current.current == load(files) != before


def test_a_certificate_without_its_new_key_is_not_taken(
    authority: Authority, files: TlsFiles, tmp_path: Path
) -> None:
    """Files are written one after the other."""
    current = tls(files)
    before = current.current
    old_key = (tmp_path / "link-manager.key").read_bytes()
    authority.issue("link-manager")
    new_key = (tmp_path / "link-manager.key").read_bytes()
    (tmp_path / "link-manager.key").write_bytes(old_key)
    current.look()  # type: ignore[union-attr]
    assert current.current is before
    (tmp_path / "link-manager.key").write_bytes(new_key)
    current.look()  # type: ignore[union-attr]
    assert current.current is not before


@pytest.mark.parametrize("part", ["ca.pem", "link-manager.pem", "link-manager.key"])
@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff", None])
def test_what_is_no_certificate_stops_the_start_without_showing_the_key(
    files: TlsFiles, tmp_path: Path, part: str, content: bytes | None
) -> None:
    secret = (tmp_path / "link-manager.key").read_text().splitlines()[1]
    if content is None:
        (tmp_path / part).unlink()
    else:
        (tmp_path / part).write_bytes(content)
    with pytest.raises(ConfigurationError, match=part) as caught:
        load(files)
    assert "\n" not in str(caught.value)
    assert secret not in str(caught.value)


PKCS8, TRADITIONAL = PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL


def private_key(kind: str) -> Any:
    match kind:
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "ed448":
            return ed448.Ed448PrivateKey.generate()
        case "rsa":
            return rsa.generate_private_key(65537, 2048)
        case curve:
            return ec.generate_private_key(getattr(ec, curve)())


def write_self_signed(files: TlsFiles, key: Any, form: PrivateFormat) -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "link-manager")])
    now = datetime.now(UTC)
    certificate = x509.CertificateBuilder(
        name, name, key.public_key(), 1, now, now + timedelta(days=1)
    )
    digest = None if "ed" in type(key).__module__ else SHA256()
    signed = certificate.sign(key, digest)
    assert files.cert is not None
    assert files.key is not None
    files.cert.write_bytes(signed.public_bytes(Encoding.PEM))
    files.key.write_bytes(key.private_bytes(Encoding.PEM, form, NoEncryption()))


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        *[(kind, PKCS8) for kind in ("rsa", "SECP256R1", "SECP384R1", "ed25519")],
        *[(kind, TRADITIONAL) for kind in ("rsa", "SECP256R1", "SECP384R1")],
    ],
)
def test_the_usual_kinds_of_keys_will_do(files: TlsFiles, kind: str, form: PrivateFormat) -> None:
    write_self_signed(files, private_key(kind), form)
    assert load(files).key


@pytest.mark.parametrize(
    ("kind", "form"),
    [("SECP521R1", PKCS8), ("SECP256K1", PKCS8), ("SECP521R1", TRADITIONAL), ("ed448", PKCS8)],
)
def test_a_key_that_would_end_the_server_is_refused(
    files: TlsFiles, kind: str, form: PrivateFormat
) -> None:
    write_self_signed(files, private_key(kind), form)
    with pytest.raises(ConfigurationError, match="it must be a key for ECDSA"):
        load(files)


def test_a_key_under_a_passphrase_is_refused_and_nobody_is_asked_for_it(
    files: TlsFiles, tmp_path: Path
) -> None:
    path = tmp_path / "link-manager.key"
    key = load_pem_private_key(path.read_bytes(), None)
    secret = BestAvailableEncryption(b"secret")
    path.write_bytes(key.private_bytes(Encoding.PEM, PKCS8, secret))
    with pytest.raises(ConfigurationError, match=r"link-manager\.key"):
        load(files)


def test_the_key_is_not_in_what_is_printed(files: TlsFiles) -> None:
    material = load(files)
    assert repr(material.key) not in repr(material)
    assert "PRIVATE" not in repr(material)


def test_material_is_a_file_only_as_long_as_it_is_needed(files: TlsFiles) -> None:
    material = load(files)
    with PemFiles(material) as pem:
        assert [Path(str(path)).read_bytes() for path in (pem.ca, pem.cert, pem.key)] == [
            *(material.ca, material.cert, material.key)
        ]
    assert not Path(str(pem.key)).exists()


def settings(monkeypatch: pytest.MonkeyPatch, **given: str) -> ServiceSettings:
    for name, value in {"PORT": "1", **given}.items():
        monkeypatch.setenv(name, value)
    return ServiceSettings.load()


def test_a_service_is_told_by_three_variables(
    monkeypatch: pytest.MonkeyPatch, files: TlsFiles
) -> None:
    assert settings(monkeypatch).tls is None
    assert settings(monkeypatch, **tls_settings(files)).tls == files


@pytest.mark.parametrize("given", ["CA", "CERT", "KEY", "CA CERT", "CA KEY", "CERT KEY"])
def test_part_of_what_encryption_takes_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, files: TlsFiles, given: str
) -> None:
    """Nobody is to believe that something is encrypted when it is not."""
    every = tls_settings(files)
    some = {f"TLS_{part}_FILE": every[f"TLS_{part}_FILE"] for part in given.split()}
    with pytest.raises(ConfigurationError, match="TLS_"):
        settings(monkeypatch, **some)


def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"TLS_CA_FILE: no such file"):
        settings(monkeypatch, TLS_CA_FILE=str(tmp_path / "none"))


def test_a_management_port_is_not_encrypted_without_a_certificate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ConfigurationError, match="MANAGEMENT_TLS needs TLS_CERT_FILE"):
        settings(monkeypatch, MANAGEMENT_TLS="true")
