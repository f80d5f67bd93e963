"""Encryption of the connections between services: who a service is, and whom it trusts.

Three PEM files say it (`TlsFiles`): our certificate and its key, and the CA that signs those of our
peers. A service that has them calls others over TLS only, and answers only those who show a
certificate of that CA; who it is that calls, a token tells (`delinkcious.auth`). The certificate of
a peer has to name it as a DNS name, such as ``link-manager``, at whatever address it is reached.
The files are read again when they change (docs/certificates.md).
"""

import os
import re
import ssl
import sys
import tempfile
from base64 import b64decode
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from delinkcious.config import ConfigurationError, TlsFiles
from delinkcious.watched import Steady, Watched

OLDEST: Final = ssl.TLSVersion.TLSv1_3
"""What our own ends speak with one another."""


_PRIVATE_KEY: Final = re.compile(rb"-----BEGIN ([A-Z ]*)PRIVATE KEY-----([^-]*)-----END")
_KINDS: Final = (
    bytes.fromhex("06092a864886f70d010101"),  # RSA, as the object identifiers are in DER
    bytes.fromhex("06082a8648ce3d030107"),  # P-256
    bytes.fromhex("06052b81040022"),  # P-384
    bytes.fromhex("06032b6570"),  # Ed25519
)


@dataclass(frozen=True, slots=True)
class Material:
    """What the files held at one moment, in PEM; empty for a file that there is not."""

    ca: bytes
    cert: bytes
    key: bytes = field(repr=False)


Tls = Watched[Material] | Steady[None]
"""Its ``current`` is the material of this moment; None, that connections are not encrypted."""

PLAIN: Final[Tls] = Steady(None)


def tls(files: TlsFiles | None) -> Tls:
    """Returns what some files hold from now on.

    Raises:
        ConfigurationError: they cannot be used.
    """
    if files is None:
        return PLAIN
    return Watched("tls", files.paths(), partial(load, files))


def load(files: TlsFiles) -> Material:
    """Reads the files.

    Raises:
        ConfigurationError: one cannot be read or is no PEM, or key and certificate do not match.
    """
    material = Material(*(_read(path) for path in (files.ca, files.cert, files.key)))
    if material.key and not _is_servable(material.key):
        raise ConfigurationError(
            f"TLS: {files.key}: it must be a key for ECDSA (P-256 or P-384), Ed25519 or RSA"
        )
    try:
        _check(material)
    except (ssl.SSLError, UnicodeDecodeError) as error:
        names = ", ".join(str(path) for path in files.paths())
        reason = getattr(error, "reason", None) or "not PEM"
        raise ConfigurationError(f"TLS: {names}: {reason}") from None
    return material


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """Returns what Python's own TLS connects with, from the files of this moment.

    Raises:
        OSError: they cannot be used.
    """
    context = ssl.create_default_context(cafile=files.ca)
    if files.cert is not None:
        context.load_cert_chain(files.cert, files.key)
    return context


def server_context(material: Material) -> ssl.SSLContext:
    """Returns what Python's own TLS serves with; clients are asked for no certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = OLDEST
    with PemFiles(material) as files:
        context.load_cert_chain(str(files.cert), files.key)
    return context


class PemFiles:
    """Material as files, for who takes nothing else: in memory, and gone when closed.

    So what was checked is what is used, however often the files that it came from change meanwhile.
    """

    def __init__(self, material: Material) -> None:
        self._open = ExitStack()
        self.ca = self._keep(material.ca)
        self.cert = self._keep(material.cert)
        self.key = self._keep(material.key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Forgets them."""
        self._open.close()

    def _keep(self, content: bytes) -> str | None:
        if not content:
            return None
        file: IO[bytes]
        if sys.platform == "linux":
            descriptor = os.memfd_create("pem")
            path = f"/proc/self/fd/{descriptor}"
            file = os.fdopen(descriptor, "wb")
            self._open.enter_context(file)
        else:
            file = tempfile.NamedTemporaryFile()  # noqa: SIM115 - the stack closes it
            self._open.enter_context(file)
            path = file.name
        file.write(content)
        file.flush()
        return path


def _read(path: Path | None) -> bytes:
    if path is None:
        return b""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"TLS: {path}: {error.strerror}") from None
    if not content:
        raise ConfigurationError(f"TLS: {path}: it is empty")
    return content


def _check(material: Material) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if material.ca:
        context.load_verify_locations(cadata=material.ca.decode("ascii"))
    if material.cert:
        with PemFiles(material) as files:
            context.load_cert_chain(str(files.cert), files.key, _no_passphrase)


def _is_servable(pem: bytes) -> bool:
    """Tells whether our servers know what to do with a key: Granian would end the process."""
    for label, encoded in _PRIVATE_KEY.findall(pem):
        try:
            der = b64decode(encoded, validate=False)
        except ValueError:
            return False
        return label == b"RSA " or any(name in der for name in _KINDS)
    return False


def _no_passphrase() -> str:
    """Answers what nobody is there to be asked."""
    return ""
