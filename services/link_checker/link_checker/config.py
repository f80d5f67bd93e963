"""The settings of the link checker."""

from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from delinkcious.config import BrokerSettings, Port
from link_checker.network import WEB_PORTS, parse_networks, parse_ports


def _of_networks(text: str) -> str:
    parse_networks(text)
    return text


def _of_ports(text: str) -> str:
    parse_ports(text)
    return text


class LinkCheckerSettings(BrokerSettings):
    """Environment variables of the same names in upper case."""

    service_name: ClassVar[str] = "link-checker"

    port: Port = 8070
    server_threads: int = Field(8, ge=1, le=64, description="requests worked on at a time")
    link_checker_allowed_networks: Annotated[str, AfterValidator(_of_networks)] = ""
    link_checker_allowed_ports: Annotated[str, AfterValidator(_of_ports)] = ",".join(
        map(str, WEB_PORTS)
    )
    link_checker_concurrency: int = Field(32, ge=1, le=256)
    link_checker_host_concurrency: int = Field(2, ge=1, le=256)
    link_checker_host_pause: float = Field(0.25, ge=0, le=60)
    link_checker_timeout: float = Field(10, gt=0, le=30)
    link_checker_connect_timeout: float = Field(3, gt=0, le=30)
    link_checker_max_redirects: int = Field(5, ge=0, le=20)
    link_checker_max_bytes: int = Field(64 * 1024, ge=1)
    link_checker_max_page_bytes: int = Field(256 * 1024, ge=1)
