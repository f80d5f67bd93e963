"""What may change while the social graph service runs."""

from delinkcious.live import LiveModel, LiveSettings
from social_graph_service.config import SocialGraphSettings


class Features(LiveModel):
    """What may be switched off.

    Attributes:
        following: following somebody; unfollowing always works.
    """

    following: bool = True


class LiveSocialGraphSettings(LiveSettings):
    """What is in the file that ``LIVE_CONFIG_FILE`` names."""

    features: Features = Features()


def live_settings(settings: SocialGraphSettings) -> LiveSocialGraphSettings:
    """Returns what holds as long as no file says otherwise."""
    return LiveSocialGraphSettings(log_level=settings.log_level)
