"""The words the partner knows: endpoints, field names, enumerations and limits of its API."""

from typing import Literal, TypeAlias, get_args

EndpointName: TypeAlias = Literal[
    "token",
    "connections.create",
    "connections.list",
    "connections.delete",
    "terms.show",
    "terms.accept",
    "audiences.create",
    "audiences.show",
    "audiences.update",
    "records.upload",
    "records.status",
    "accounts.list",
    "instances.list",
    "profiles.list",
    "advertisers.list",
]
ENDPOINTS: frozenset[str] = frozenset(get_args(EndpointName))

JobState: TypeAlias = Literal["COMPLETED", "FAILED", "PARTIALLYSUCCEEDED", "PENDING", "SUCCEEDED"]

LARGEST_LONG = 2**63 - 1
MOST_RECORDS = 10_000
MOST_IDENTITIES = 100
LONGEST_TTL_SECONDS = 34_300_800
LARGEST_PAGE = 100

RECORD_FIELDS = frozenset(
    {"action", "countryCode", "externalUserId", "hashedPII", "measurements", "userConsent"}
)
IDENTITY_FIELDS = frozenset(
    {"address", "city", "email", "firstname", "lastname", "phone", "postal", "state"}
)
ACTIONS = frozenset({"CREATE", "DELETE"})
CONSENT_WORDS = frozenset({"DENIED", "GRANTED", "NOT_APPLICABLE", "UNKNOWN"})
CONSENT_SIGNALS = frozenset({"amzn", "gpp", "tcf"})

_CURRENCIES = "AED AUD CAD CNY EUR GBP INR JPY MXN SAR SEK TRY USD"
_COUNTRIES = """
    AD AE AF AG AI AL AM AN AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ
    BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO
    DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU
    GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW
    KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU
    MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW
    PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF
    TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT
    ZA ZM ZW UNKNOWN
"""
CURRENCIES = frozenset(_CURRENCIES.split())
COUNTRIES = frozenset(_COUNTRIES.split())
