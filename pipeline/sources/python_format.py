"""Events that a function of an installed package reads; `functions.py` finds it."""

from pipeline.sources.source_format import SourceFormat

PYTHON = SourceFormat(name="python", keys="key each event by its member", parts=None)
