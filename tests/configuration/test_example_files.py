"""The smallest useful configuration, which the other tests of settings bend."""

from pathlib import Path

import pytest
import yaml

from pipeline.configuration.load import load, settings_from
from pipeline.settings.problems import SettingsError

CONNECTION = "5a523424-8f0c-4c55-9a2b-0d7f4c1e6b90"
OTHER_CONNECTION = "c0ffee00-1d2e-4f3a-8b4c-5d6e7f809a1b"


class Example:
    """A document whose keys a test sets by their dotted path; `None` as a value stays null."""

    def __init__(self) -> None:
        self.document: dict[str, object] = {
            "sources": [{"topic": "cdp.membership"}],
            "destinations": {"amazon-na": destination()},
            "audiences": [
                {"audience": "vip", "destinations": [target(audience_id=1)]},
            ],
        }

    def put(self, path: str, value: object) -> "Example":
        node: object = self.document
        *parents, last = path.split(".")
        for part in parents:
            if isinstance(node, list):
                node = node[int(part)]
            else:
                assert isinstance(node, dict)
                node = node.setdefault(part, {})
        if isinstance(node, list):
            node[int(last) : int(last) + 1] = [value]
        else:
            assert isinstance(node, dict)
            node[last] = value
        return self

    def drop(self, path: str) -> "Example":
        node: object = self.document
        *parents, last = path.split(".")
        for part in parents:
            node = node[int(part)] if isinstance(node, list) else _inner(node, part)
        assert isinstance(node, dict)
        del node[last]
        return self

    def write(self, folder: Path) -> Path:
        path = folder / "pipeline.yaml"
        path.write_text(yaml.safe_dump(self.document), encoding="utf-8")
        return path

    def refusal(self) -> str:
        """Everything that is said against this document."""
        with pytest.raises(SettingsError) as refused:
            settings_from(self.document, Path())
        return str(refused.value)


def destination(**keys: object) -> dict[str, object]:
    return {
        "kind": "amazon_ads",
        "region": "NA",
        "client_id": "client",
        "client_secret": "hush-client",
        "refresh_token": "hush-refresh",
        **keys,
    }


def target(**keys: object) -> dict[str, object]:
    route = {} if "advertiser_id" in keys else {"connection_id": CONNECTION}
    return {"destination": "amazon-na", "audience_id": 1, **route, **keys}


def _inner(node: object, part: str) -> object:
    assert isinstance(node, dict)
    return node[part]


def test_the_example_is_taken_from_memory_and_from_a_file_alike(tmp_path: Path) -> None:
    example = Example()

    in_memory = settings_from(example.document, tmp_path)
    from_file = load(example.write(tmp_path), {})

    assert in_memory == from_file
