"""The control plane of every kind of partner, by the kind that the configuration names."""

from collections.abc import Mapping
from typing import Any

from pipeline.destinations.amazon_ads.control_registration import AMAZON_CONTROL
from pipeline.destinations.control import PartnerControl

CONTROLS: Mapping[str, PartnerControl[Any, Any]] = {"amazon_ads": AMAZON_CONTROL}
