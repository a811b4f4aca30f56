"""Every command of Amazon Ads, in the order of the help."""

from pipeline.destinations.amazon_ads.commands.audience_commands import AUDIENCE_COMMANDS
from pipeline.destinations.amazon_ads.commands.connection_commands import CONNECTION_COMMANDS
from pipeline.destinations.amazon_ads.commands.directory_commands import DIRECTORY_COMMANDS
from pipeline.destinations.amazon_ads.commands.normalize_command import NORMALIZE
from pipeline.destinations.amazon_ads.commands.terms_commands import TERMS_COMMANDS

COMMANDS = (
    *TERMS_COMMANDS,
    *DIRECTORY_COMMANDS,
    *CONNECTION_COMMANDS,
    *AUDIENCE_COMMANDS,
    NORMALIZE,
)
