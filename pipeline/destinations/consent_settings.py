"""Settings for TC strings: the consent that a partner needs."""

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
    """The consent that a TC string must give, also inside a GPP string; partners add defaults."""

    judge: Flag = True
    """False: every valid string counts as consent."""
    vendor: Vendor
    purposes: Purposes

    def needs(self) -> ConsentNeeds:
        """These settings as the input of the judgement."""
        return ConsentNeeds(vendor=self.vendor, purposes=self.purposes, judge=self.judge)
