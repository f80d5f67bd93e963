"""What may change while the user service runs."""

from delinkcious.live import LiveModel, LiveSettings
from user_service.config import UserSettings


class Features(LiveModel):
    """What may be switched off.

    Attributes:
        registration: new accounts; who has one can log in.
    """

    registration: bool = True


class LiveUserSettings(LiveSettings):
    """What is in the file that ``LIVE_CONFIG_FILE`` names."""

    features: Features = Features()


def live_settings(settings: UserSettings) -> LiveUserSettings:
    """Returns what holds as long as no file says otherwise."""
    return LiveUserSettings(log_level=settings.log_level)
