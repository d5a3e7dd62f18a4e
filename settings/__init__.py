"""Settings: the environment, parsed; nothing outside this folder reads it."""

from settings.settings import (
    Network,
    PartnerSettings,
    PullSettings,
    SealKey,
    Settings,
    SettingsError,
    SilenceSettings,
    child_environment,
    read_env_file,
    use_data_folder,
)

__all__ = [
    "Network",
    "PartnerSettings",
    "PullSettings",
    "SealKey",
    "Settings",
    "SettingsError",
    "SilenceSettings",
    "child_environment",
    "read_env_file",
    "use_data_folder",
]
