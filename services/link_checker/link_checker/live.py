"""What may change while the link checker runs."""

from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from delinkcious.live import LiveModel, LiveSettings
from link_checker.config import LinkCheckerSettings
from link_checker.network import WEB_PORTS, AddressPolicy, parse_networks, parse_ports


def _network(text: str) -> str:
    networks = () if "," in text else parse_networks(text)
    if not networks:
        raise ValueError(f"{text!r} is not a network such as 10.1.0.0/16 or fd00::/8")
    return str(networks[0])


def _ports(text: str) -> str:
    if "," in text or not parse_ports(text):
        raise ValueError(f"{text!r} is not a port, or a range of ports such as 8000-8099")
    return text


class Features(LiveModel):
    """What may be switched off.

    Attributes:
        titles: reading pages for their titles.
    """

    titles: bool = True


class LiveLinkCheckerSettings(LiveSettings):
    """What is in the file that ``LIVE_CONFIG_FILE`` names."""

    allowed_networks: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    allowed_ports: tuple[Annotated[str, BeforeValidator(str), AfterValidator(_ports)], ...] = (
        *map(str, WEB_PORTS),
    )
    features: Features = Features()

    @cached_property
    def policy(self) -> AddressPolicy:
        """Where checks may go."""
        networks, ports = ",".join(self.allowed_networks), ",".join(self.allowed_ports)
        return AddressPolicy(parse_networks(networks), parse_ports(ports))


def live_settings(settings: LinkCheckerSettings) -> LiveLinkCheckerSettings:
    """Returns what holds as long as no file says otherwise."""
    return LiveLinkCheckerSettings(
        log_level=settings.log_level,
        allowed_networks=_parts(settings.link_checker_allowed_networks),
        allowed_ports=_parts(settings.link_checker_allowed_ports),
    )


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
