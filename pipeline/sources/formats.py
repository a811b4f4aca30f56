"""The list of all formats: the choices of `sources`, in the order in which we show them."""

from collections.abc import Mapping
from typing import Final

from pipeline.sources.adobe_rtcdp import ADOBE_RTCDP
from pipeline.sources.debezium import DEBEZIUM
from pipeline.sources.mapping import MAPPING
from pipeline.sources.mparticle import MPARTICLE
from pipeline.sources.native_format import NATIVE
from pipeline.sources.python_format import PYTHON
from pipeline.sources.rudderstack import RUDDERSTACK
from pipeline.sources.segment import SEGMENT
from pipeline.sources.source_format import SourceFormat

FORMATS: Final[Mapping[str, SourceFormat]] = {
    one.name: one
    for one in (
        NATIVE,
        SEGMENT,
        MPARTICLE,
        ADOBE_RTCDP,
        RUDDERSTACK,
        DEBEZIUM,
        MAPPING,
        PYTHON,
    )
}
