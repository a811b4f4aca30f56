"""The lock file beside a configuration: its ids are seen by every command, or it is named."""

from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.configuration.load import Configuration, load, load_with_lock
from pipeline.configuration.lock import (
    AudienceLock,
    LockEntry,
    lock_path,
    lock_text,
    read_lock,
)
from pipeline.configuration.routing import routes
from pipeline.settings.document import parse
from pipeline.settings.problems import SettingsError
from tests.configuration.amazon import targets
from tests.configuration.test_example_files import CONNECTION, OTHER_CONNECTION, Example, target

ENTRY = "{audience: x, destination: y, external_audience_id: x, name: x, asked_at: x"
ASKED_AT = "2026-11-25T10:00:00Z"
AUDIENCE_ID = 586656241588443054


def entry(**keys: object) -> LockEntry:
    document = {
        "audience": "vip-customers",
        "destination": "amazon-na",
        "connection_id": CONNECTION,
        "audience_id": AUDIENCE_ID,
        "external_audience_id": "vip-customers",
        "name": "vip-customers",
        "asked_at": ASKED_AT,
        **keys,
    }
    return LockEntry.model_validate(document)


def unmade(**keys: object) -> Example:
    """A configuration with one target that names no id."""
    example = Example().put("audiences.0.audience", "vip-customers")
    example.put("audiences.0.destinations.0", target(**keys))
    return example.drop("audiences.0.destinations.0.audience_id")


def written(folder: Path, example: Example, *entries: LockEntry) -> Path:
    path = example.write(folder)
    lock = AudienceLock()
    for one in entries:
        lock = lock.with_entry(one)
    lock_path(path).write_text(lock_text(lock), encoding="utf-8")
    return path


def refusal(path: Path, *, needs_ids: bool = True) -> str:
    with pytest.raises(SettingsError) as refused:
        load_with_lock(path, {}, needs_ids=needs_ids)
    [line] = str(refused.value).splitlines()
    return line


def unused(configuration: Configuration) -> list[str]:
    return list(configuration.identities.unused(configuration.settings))


names = st.text(min_size=1) | st.from_regex(r"[-+.0-9eEnyNYofF:_~]{1,6}", fullmatch=True)


@example(["\x85", "\u2028", "1e3", "NO", "~", "12:30"], "1e3")
@given(st.lists(names, max_size=5), names)
def test_what_is_written_is_read_again_whatever_the_names(audiences: list[str], name: str) -> None:
    """
    Names such as `1e3`, `NO` or `~`, line breaks and letters of any script stay what they are.
    """
    lock = AudienceLock()
    for number, audience in enumerate(audiences):
        lock = lock.with_entry(entry(audience=audience, name=name, audience_id=number + 1))

    text = lock_text(lock).encode().decode()

    assert AudienceLock.model_validate(parse(text, "lock")) == lock
    assert yaml.safe_load(text) == parse(text, "lock")


def test_entries_are_sorted_whatever_came_first() -> None:
    found = [
        entry(audience="b-audience", connection_id=None, advertiser_id=7),
        entry(audience="a-audience", destination="z"),
        entry(audience="a-audience", destination="b"),
    ]

    there, back = AudienceLock(), AudienceLock()
    for one, other in zip(found, reversed(found), strict=True):
        there, back = there.with_entry(one), back.with_entry(other)

    assert lock_text(there) == lock_text(back)
    assert [one.destination for one in there.audiences] == ["b", "z", "amazon-na"]


def test_the_ids_of_the_lock_are_those_of_the_configuration(tmp_path: Path) -> None:
    other = entry(audience="lapsed-customers", audience_id=7, connection_id=None, advertiser_id=9)
    path = written(tmp_path, unmade(), entry(), other)

    [route] = routes(load(path, {}))["vip-customers"]

    assert route.audience_id == str(AUDIENCE_ID)


def test_the_lock_is_named_after_the_configuration(tmp_path: Path) -> None:
    assert lock_path(tmp_path / "pipeline.yaml") == tmp_path / "pipeline.lock.yaml"


def test_without_a_lock_an_audience_without_id_is_refused_with_the_command_that_makes_it(
    tmp_path: Path,
) -> None:
    path = unmade().write(tmp_path)

    assert refusal(path) == (
        f"{path}: audiences[0].destinations[0].audience_id: is missing, because the audience is "
        f"not created yet; `audience-pipeline audiences apply --config {path}` creates it"
    )


def test_the_control_plane_takes_audiences_that_are_not_made(tmp_path: Path) -> None:
    configuration = load_with_lock(unmade().write(tmp_path), {}, needs_ids=False)

    assert targets(configuration.settings)[0].audience_id is None


def test_an_audience_that_was_only_asked_for_is_refused_too(tmp_path: Path) -> None:
    line = refusal(written(tmp_path, unmade(), entry(audience_id=None)))

    assert f"it was requested at {ASKED_AT}, but no answer is recorded" in line
    assert "audiences apply" in line


def test_an_id_of_the_configuration_that_is_not_that_of_the_lock_is_refused(tmp_path: Path) -> None:
    example = Example().put("audiences.0.audience", "vip-customers")

    line = refusal(written(tmp_path, example, entry()), needs_ids=False)

    assert "audience_id: differs from the id in pipeline.lock.yaml" in line
    assert f"1 here, {AUDIENCE_ID} there" in line
    assert f"its entry in {tmp_path / 'pipeline.lock.yaml'}" in line


@pytest.mark.parametrize("audience_id", [1, None])
def test_an_id_that_stands_in_both_files_or_answers_a_request_is_fine(
    tmp_path: Path, audience_id: int | None
) -> None:
    example = Example().put("audiences.0.audience", "vip-customers")
    path = written(tmp_path, example, entry(audience_id=audience_id))

    assert targets(load(path, {}))[0].audience_id == 1


def test_an_entry_that_no_target_uses_is_said_and_refused_by_nobody(tmp_path: Path) -> None:
    path = written(tmp_path, unmade(), entry(), entry(audience="lapsed-customers"))

    [line] = unused(load_with_lock(path, {}))

    assert line.startswith(
        f"{lock_path(path)}: audiences[0]: no target uses audience {AUDIENCE_ID}"
    )
    assert "'lapsed-customers'" in line
    assert "remove the entry only if" in line


def test_a_request_that_the_configuration_has_answered_need_not_stay(tmp_path: Path) -> None:
    example = Example().put("audiences.0.audience", "vip-customers")

    [line] = unused(load_with_lock(written(tmp_path, example, entry(audience_id=None)), {}))

    assert "remove the entry" in line


def test_two_ways_that_the_lock_could_not_tell_apart_are_refused(tmp_path: Path) -> None:
    nameless = {key: said for key, said in target().items() if key != "audience_id"}
    example = unmade().put("audiences.0.destinations.1", {**nameless, "target_types": ["DSP"]})

    line = refusal(example.write(tmp_path), needs_ids=False)

    assert "audiences[0].destinations[1].audience_id: is missing, as in" in line
    assert "audiences create" in line


def test_two_connections_of_one_audience_are_told_apart(tmp_path: Path) -> None:
    nameless = {key: said for key, said in target().items() if key != "audience_id"}
    example = unmade().put(
        "audiences.0.destinations.1", {**nameless, "connection_id": OTHER_CONNECTION}
    )
    path = written(tmp_path, example, entry(), entry(connection_id=OTHER_CONNECTION, audience_id=7))

    found = routes(load(path, {}))["vip-customers"]

    assert [route.audience_id for route in found] == [str(AUDIENCE_ID), "7"]


def test_a_name_that_is_too_short_for_the_partner_is_asked_for(tmp_path: Path) -> None:
    short = unmade().put("audiences.0.audience", "vip")

    line = refusal(short.write(tmp_path), needs_ids=False)

    assert "audiences[0].destinations[0].name: is required" in line
    assert "10 to 128 characters, and the upstream name has 3: 'vip'; add 'name: " in line


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("name", "too short", "must have 10 to 128 characters, and has 9: 'too short'"),
        ("description", "x" * 1001, "must have at most 1000 characters, and has 1001"),
        ("ttl_seconds", 34_300_801, "must be at most 34300800"),
        ("ttl_seconds", "60", "must be a whole number, without quotes"),
    ],
)
def test_what_the_partner_would_refuse_is_refused_by_the_key(
    key: str, value: object, said: str
) -> None:
    assert said in unmade(**{key: value}).refusal()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is not a lock file; restore the file from version control"),
        ("- a", "is not a lock file; restore"),
        ("version: 2\nentries: []\n", "version: must be 1, the one that this release reads and"),
        (
            "audiences: []\n",
            "version: must be 1, the one that this release reads and writes: null",
        ),
        ("version: 1\naudiences: [{}", "is not YAML, line 2"),
        ("version: 1\naudences: []\n", "audences: unknown key; restore"),
        (f"version: 1\naudiences: [{ENTRY}, connection_id: z, audience_id: 1.5}}]", "id: must"),
        (f"version: 1\naudiences: [{ENTRY}}}]", "must have exactly one of connection_id,"),
    ],
)
def test_a_lock_that_cannot_be_used_is_named_and_never_taken_for_an_empty_one(
    tmp_path: Path, content: str, said: str
) -> None:
    path = unmade().write(tmp_path)
    lock_path(path).write_text(content)

    line = refusal(path, needs_ids=False)

    assert line.startswith(f"{lock_path(path)}: ")
    assert said in line


def test_a_lock_of_other_letters_is_named(tmp_path: Path) -> None:
    path = unmade().write(tmp_path)
    lock_path(path).write_bytes(b"\xff")

    assert "is not UTF-8 text; restore" in refusal(path)


def test_an_audience_that_stands_in_the_lock_twice_is_named(tmp_path: Path) -> None:
    path = unmade().write(tmp_path)
    twice = AudienceLock(audiences=(entry(), entry(audience_id=7)))
    lock_path(path).write_text(lock_text(twice), encoding="utf-8")

    line = refusal(path)

    assert "audiences[1]: is in the file twice: 'vip-customers'; keep the entry whose" in line


def test_no_file_is_no_audience(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "none.lock.yaml").audiences == ()
