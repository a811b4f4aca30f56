"""The consent of a member that Adobe Experience Platform needs."""

from typing import Final

VENDOR: Final = 565
"""The number of Adobe Experience Platform in the IAB's list of vendors."""

PURPOSES: Final = (1, 3, 4)
"""The IAB's purposes that an audience serves: storage, a personal profile, and advertising by that
profile. Adobe itself may need fewer."""
