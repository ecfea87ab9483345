"""What a worker writes down at its start, before anything goes by it: settings and credentials (LM-1, AZ-5)."""

from strongroom.installation.configuration import Configuration
from strongroom.installation.folders import Folders
from strongroom.policy.access_management import credentials
from strongroom.policy.logging_and_monitoring import settings_file


def know_what_is_here(folders: Folders, configuration: Configuration) -> None:
    """Whatever is new is journalled."""
    settings_file.note(settings_file.digest_of(folders.configuration))
    if configuration.marketplace.is_set:
        for name in (credentials.CLIENT_SECRET, credentials.REFRESH_TOKEN):
            credentials.see(name, folders.credential(name))
