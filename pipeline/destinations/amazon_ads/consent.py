"""The consent of a member that Amazon needs."""

from typing import Final

from pipeline.identity.consent import ConsentNeeds

VENDOR: Final = 793
"""The number of Amazon Ads in the IAB's list of vendors."""

PURPOSES: Final = (1, 3, 4)
"""The IAB's purposes that match Amazon's own flags: storage for its flag for storage; a personal
profile, and advertising by that profile, for its flag for personal data."""

NEEDS: Final = ConsentNeeds(vendor=VENDOR, purposes=PURPOSES)
