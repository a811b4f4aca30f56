"""The format `python`: a function of an installed package reads events; see `functions.py`."""

from pipeline.sources.source_format import SourceFormat

PYTHON = SourceFormat(name="python", keys="key each event by its member", parts=None)
