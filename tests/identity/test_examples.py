import doctest
import importlib
import pkgutil

import pytest

import pipeline.identity.normalize

_MODULES = [module.name for module in pkgutil.iter_modules(pipeline.identity.normalize.__path__)]
_OTHERS = [
    "identity.consent",
    "identity.bits",
    "identity.tc_string",
    "identity.gpp_string",
    "identity.countries",
    "identity.hashing",
    "domain.offset_ranges",
]
_OTHERS += ["sources.native", "sources.timestamps", "sources.json_text", "sources.numbers"]
_AMAZON = ["destinations.amazon_ads.explain", "destinations.amazon_ads.rendering"]


@pytest.mark.parametrize(
    "name", [*(f"identity.normalize.{module}" for module in _MODULES), *_OTHERS, *_AMAZON]
)
def test_every_example_in_a_docstring_is_true(name: str) -> None:
    module = importlib.import_module(f"pipeline.{name}")

    assert doctest.testmod(module).failed == 0
