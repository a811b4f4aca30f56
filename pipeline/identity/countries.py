"""Countries as ISO 3166 alpha-2 codes, and the countries in which adds need consent."""

from typing import Final

_CODES: Final = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS
BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE
EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM
HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC
LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA
NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW
SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO
TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW
"""
_ISO_3166: Final = frozenset(_CODES.split())

_MEMBERS: Final = (
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK"
)
EUROPEAN_ECONOMIC_AREA: Final = frozenset(_MEMBERS.split())

CONSENT_COUNTRIES: Final = EUROPEAN_ECONOMIC_AREA | {"GB", "CH"}
"""Countries in which Amazon needs a signal; we add Switzerland to be careful."""


def country_code(written: str) -> str | None:
    """The code in capitals, or None if there is no such country; `UK` is the United Kingdom.

    Kosovo's XK is allowed too, because partners take it.

    >>> country_code(" uk "), country_code("de"), country_code("Germany")
    ('GB', 'DE', None)
    """
    code = written.strip().upper()
    if code == "UK":
        return "GB"
    return code if code in _ISO_3166 else None
