"""Settings: the environment, parsed; nothing outside this folder reads it.

Errors name their variable and say what it wants. Secrets have no default and are kept out of `repr`.
"""

from settings.environment import child_environment, read_env_file, use_data_folder
from settings.errors import SettingsError
from settings.partner import PartnerSettings
from settings.payments import PaymentSettings
from settings.pulls import CallSettings, PullSettings
from settings.secrets import SHORTEST, SealKey, hmac_secret
from settings.servers import Database
from settings.settings import Settings
from settings.silence import SilenceSettings
from settings.values import Network

__all__ = [
    "SHORTEST",
    "CallSettings",
    "Database",
    "Network",
    "PartnerSettings",
    "PaymentSettings",
    "PullSettings",
    "SealKey",
    "Settings",
    "SettingsError",
    "SilenceSettings",
    "child_environment",
    "hmac_secret",
    "read_env_file",
    "use_data_folder",
]
