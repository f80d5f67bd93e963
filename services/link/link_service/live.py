"""What may change while the link service runs."""

from pydantic import Field

from delinkcious.live import LiveModel, LiveSettings
from link_service.config import LinkSettings


class Features(LiveModel):
    """What may be switched off.

    Attributes:
        checks: asking for checks of links; what is due then waits.
        imports: reading files that were sent in; they wait.
    """

    checks: bool = True
    imports: bool = True


class LiveLinkSettings(LiveSettings):
    """What is in the file that ``LIVE_CONFIG_FILE`` names."""

    max_links_per_user: int = Field(100_000, ge=1)
    features: Features = Features()


def live_settings(settings: LinkSettings) -> LiveLinkSettings:
    """Returns what holds as long as no file says otherwise."""
    return LiveLinkSettings(
        log_level=settings.log_level, max_links_per_user=settings.max_links_per_user
    )
