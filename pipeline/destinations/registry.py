"""The list of all partners; only this module imports their packages."""

from pipeline.destinations.adobe_audiences.partner import ADOBE_AUDIENCES
from pipeline.destinations.amazon_ads.partner import AMAZON_ADS
from pipeline.destinations.contract import Partners

PARTNERS: Partners = {partner.kind: partner for partner in (AMAZON_ADS, ADOBE_AUDIENCES)}
