"""What a partner needs of a TC string, as the file says it."""

from typing import Annotated

from pydantic import Field

from pipeline.identity.consent import ConsentNeeds
from pipeline.settings.values import Flag, Section, Whole

Vendor = Annotated[
    Whole,
    Field(
        ge=1,
        le=65_535,
        description="The partner's number in the IAB's list of vendors; it must have consent.",
    ),
]
Purposes = Annotated[
    tuple[Annotated[Whole, Field(ge=1, le=24)], ...],
    Field(min_length=1, description="Numbers of the IAB's purposes; each must have consent."),
]


class TcfSettings(Section):
    """What a TC string must say, alone or inside a GPP string. A partner adds its defaults."""

    judge: Flag = True
    """False: every string that decodes counts as consent."""
    vendor: Vendor
    purposes: Purposes

    def needs(self) -> ConsentNeeds:
        """The same for the judgement."""
        return ConsentNeeds(vendor=self.vendor, purposes=self.purposes, judge=self.judge)
