"""A partner is one package that the registry alone knows."""

import tomllib
from pathlib import Path

from pipeline.destinations.registry import PARTNERS

ROOT = Path(__file__).parents[2]
PACKAGES = {
    f"pipeline.destinations.{one.parent.name}"
    for one in (ROOT / "pipeline" / "destinations").glob("*/__init__.py")
}


def test_nobody_but_the_registry_may_import_a_partners_package() -> None:
    """
    import-linter keeps to it, for those packages that it is told of.
    """
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [guard] = [
        one for one in configured["tool"]["importlinter"]["contracts"] if one["type"] == "protected"
    ]

    assert set(guard["protected_modules"]) == PACKAGES
    assert guard["allowed_importers"] == ["pipeline.destinations.registry"]


def test_every_package_of_a_partner_is_in_the_registry() -> None:
    known = {partner.settings.__module__.rpartition(".")[0] for partner in PARTNERS.values()}

    assert known == PACKAGES
