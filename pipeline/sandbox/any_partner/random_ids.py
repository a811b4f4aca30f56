"""Ids as partners give them, the same for the same seed."""

import uuid
from random import Random


def random_id(random: Random) -> str:
    """A new UUID."""
    return str(uuid.UUID(int=random.getrandbits(128), version=4))
