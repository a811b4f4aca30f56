"""What Adobe Experience Platform needs of a member's consent."""

from typing import Final

VENDOR: Final = 565
"""Adobe Experience Platform in the IAB's list of vendors."""

PURPOSES: Final = (1, 3, 4)
"""Storage, a profile of a person, and advertising that is personalised by it: what an audience is
for, whatever Adobe itself would be content with."""
