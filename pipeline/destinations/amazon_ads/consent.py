"""What Amazon needs of a member's consent."""

from typing import Final

from pipeline.identity.consent import ConsentNeeds

VENDOR: Final = 793
"""Amazon Ads in the IAB's list of vendors."""

PURPOSES: Final = (1, 3, 4)
"""Storage, as Amazon's own flag for storage says; a profile of a person and advertising that is
personalised by it, as its flag for personal data says."""

NEEDS: Final = ConsentNeeds(vendor=VENDOR, purposes=PURPOSES)
