"""Certificates for tests and the local stack: a CA of one's own, and what it signs."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import trustme

from delinkcious.config import TlsFiles

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class Authority:
    """A CA, as long as the process lives; what is signed stays in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ca = trustme.CA(organization_name="Delinkcious, not for production")
        self.certificate = folder / "ca.pem"
        self._write(self.certificate, [self._ca.cert_pem])

    def issue(self, name: str, *others: str, into: str | None = None) -> TlsFiles:
        """Signs a certificate for somebody, with a new key; more than once renews it.

        Args:
            others: names and addresses that it is good for as well.
            into: what its files are called, if not after its name.
        """
        made = self._ca.issue_cert(name, *others, common_name=name)
        stem = into or name
        cert, key = self._folder / f"{stem}.pem", self._folder / f"{stem}.key"
        self._write(key, [made.private_key_pem])
        self._write(cert, made.cert_chain_pems)
        return TlsFiles(self.certificate, cert, key)

    @staticmethod
    def _write(path: Path, blobs: Iterable[trustme.Blob]) -> None:
        draft = path.with_name(f"{path.name}.draft")
        draft.touch(mode=0o600)
        draft.write_bytes(b"".join(blob.bytes() for blob in blobs))
        draft.replace(path)


def tls_settings(files: TlsFiles, prefix: str = "") -> dict[str, str]:
    """What a service is told of its certificate; ``prefix`` is such as ``LINK_DB_``."""
    parts = {"CA": files.ca, "CERT": files.cert, "KEY": files.key}
    return {f"{prefix}TLS_{part}_FILE": str(path) for part, path in parts.items() if path}
