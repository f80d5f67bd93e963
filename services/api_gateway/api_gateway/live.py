"""What may change while the gateway runs."""

from api_gateway.config import GatewaySettings
from api_gateway.features import Features
from api_gateway.limits import Limits
from delinkcious.live import LiveSettings


class LiveGatewaySettings(LiveSettings):
    """What is in the file that ``LIVE_CONFIG_FILE`` names."""

    limits: Limits = Limits()
    features: Features = Features()


def live_settings(settings: GatewaySettings) -> LiveGatewaySettings:
    """Returns what holds as long as no file says otherwise."""
    return LiveGatewaySettings(log_level=settings.log_level, limits=settings.limits)
