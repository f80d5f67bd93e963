"""What may change while the news service runs."""

from delinkcious.live import LiveModel, LiveSettings
from news_service.config import NewsSettings


class Features(LiveModel):
    """What may be switched off.

    Attributes:
        rebuilding: putting a feed together again when it is read and Redis has lost it; the command
            ``rebuild`` always does.
    """

    rebuilding: bool = True


class LiveNewsSettings(LiveSettings):
    """What is in the file that ``LIVE_CONFIG_FILE`` names."""

    features: Features = Features()


def live_settings(settings: NewsSettings) -> LiveNewsSettings:
    """Returns what holds as long as no file says otherwise."""
    return LiveNewsSettings(log_level=settings.log_level)
