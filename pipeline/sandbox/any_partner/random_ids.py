"""Ids in the form of partners' ids; the same seed gives the same ids."""

import uuid
from random import Random


def random_id(random: Random) -> str:
    """A new UUID."""
    return str(uuid.UUID(int=random.getrandbits(128), version=4))
