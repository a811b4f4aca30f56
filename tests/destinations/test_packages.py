"""A partner is one package that the registry alone knows."""

import tomllib
from pathlib import Path
from typing import Any

import grimp
import pytest
from importlinter.contracts.protected import ProtectedContract

from pipeline.destinations.registry import PARTNERS

ROOT = Path(__file__).parents[2]
PACKAGES = {
    f"pipeline.destinations.{one.parent.name}"
    for one in (ROOT / "pipeline" / "destinations").glob("*/__init__.py")
}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Who imports whom."""
    return grimp.build_graph("pipeline", cache_dir=None)


def is_kept(graph: grimp.ImportGraph) -> bool:
    """
    Whether import-linter lets these imports pass, as it is configured.
    """
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [guard] = [
        one for one in configured["tool"]["importlinter"]["contracts"] if one["type"] == "protected"
    ]
    options: dict[str, Any] = {
        key: guard[key] for key in ("protected_modules", "allowed_importers")
    }
    return ProtectedContract("guard", {}, options).check(graph, verbose=False).kept


@pytest.mark.parametrize("package", sorted(PACKAGES))
@pytest.mark.parametrize("stranger", ["pipeline.app.assembly", "pipeline.destinations.contract"])
def test_nobody_but_the_registry_may_import_a_partners_package(
    graph: grimp.ImportGraph, package: str, stranger: str
) -> None:
    """
    Whichever partners there are: the contract names none of them.
    """
    assert is_kept(graph)
    graph.add_import(importer=stranger, imported=f"{package}.settings")

    try:
        assert not is_kept(graph)
    finally:
        graph.remove_import(importer=stranger, imported=f"{package}.settings")


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_a_partner_imports_no_other_partner(graph: grimp.ImportGraph, package: str) -> None:
    """
    import-linter has no way to say this without their names.
    """
    others = PACKAGES - {package}

    imported = {
        (one, other)
        for other in others
        for one in graph.find_modules_that_directly_import(other, as_package=True)
        if one.startswith(f"{package}.")
    }

    assert imported == set()


def test_every_package_of_a_partner_is_in_the_registry() -> None:
    known = {partner.settings.__module__.rpartition(".")[0] for partner in PARTNERS.values()}

    assert known == PACKAGES
