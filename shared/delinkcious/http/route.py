"""The way to a peer for libcurl: its address, and how the connection is encrypted.

Encrypted or not, nothing is asked of the disk: certificates are handed over as they are in memory.
libcurl opens a new connection for new ones, and the next requests go over that.
"""

from typing import Any

import pycurl

from delinkcious.config import Address
from delinkcious.policy import Policy
from delinkcious.tls import Material, Tls


class Route:
    """The way to one peer.

    Over TLS the URL has the peer's name for its host, and that is the name that its certificate is
    checked for; where it is connected to is another matter.

    Attributes:
        base: what the URLs of the peer begin with.
    """

    def __init__(self, peer: str, address: Address, tls: Tls) -> None:
        self._tls = tls
        self._connect_to: list[str] = []
        if tls.current is None:
            self.base = f"http://{address}"
        else:
            self.base = f"https://{peer}:{address.port}"
            self._connect_to = [f"{peer}:{address.port}:{address}"]

    @property
    def material(self) -> Material | None:
        """The certificates of this moment."""
        return self._tls.current

    def handle(self, policy: Policy) -> Any:
        """Returns a new handle for calls to the peer."""
        curl = pycurl.Curl()
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(policy.connect_timeout * 1000))
        # A peer that comes back may have another address; 60 s is how long libcurl would not look.
        curl.setopt(pycurl.DNS_CACHE_TIMEOUT, 1)
        curl.setopt(pycurl.PROXY, "")
        curl.setopt(pycurl.TCP_NODELAY, 1)
        self.secure(curl)
        return curl

    def secure(self, curl: Any) -> Material | None:
        """Has a handle use the certificates of this moment, and returns them."""
        material = self.material
        if material is not None:
            curl.setopt(pycurl.CONNECT_TO, self._connect_to)
            curl.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_3)
            curl.setopt(pycurl.CAINFO_BLOB, material.ca)
            curl.setopt(pycurl.SSLCERT_BLOB, material.cert)
            curl.setopt(pycurl.SSLKEY_BLOB, material.key)
        return material
