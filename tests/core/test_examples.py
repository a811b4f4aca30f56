import doctest
import importlib
import pkgutil

import pytest

import pipeline.core.normalize

_MODULES = [module.name for module in pkgutil.iter_modules(pipeline.core.normalize.__path__)]
_OTHERS = ["core.consent", "core.countries", "core.hashing", "core.runs"]
_OTHERS += ["formats.native", "formats.timestamps"]
_AMAZON = ["destinations.amazon_ads.explain", "destinations.amazon_ads.records"]


@pytest.mark.parametrize(
    "name", [*(f"core.normalize.{module}" for module in _MODULES), *_OTHERS, *_AMAZON]
)
def test_every_example_in_a_docstring_is_true(name: str) -> None:
    module = importlib.import_module(f"pipeline.{name}")

    assert doctest.testmod(module).failed == 0
