"""`audiences plan` and `apply`: the configuration made true once, and never twice."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from pipeline.configuration.load import load_with_lock
from pipeline.configuration.lock import AudienceLock, lock_path, lock_text, read_lock
from pipeline.configuration.targets import AudienceKey, PlacedTarget
from pipeline.destinations.control import Api, Creation, Made, Step
from pipeline.destinations.registry import PARTNERS
from pipeline.domain.send_result import NotSent
from pipeline.operations.audiences.apply import Application, Result
from pipeline.operations.audiences.lock_file import LockUnwritable, locked
from pipeline.operations.audiences.selection import (
    PartnerEnd,
    Planned,
    partner_ends,
    plan_audiences,
)
from pipeline.operations.partner_api import partner_apis
from pipeline.sandbox.amazon_ads.faults import Fault, ScriptedFault
from pipeline.sandbox.server_process import free_port
from tests.cli.test_commands import Operator, _logging_is_put_back, operator, there, written
from tests.configuration.toy_partner import KeylessTarget
from tests.toys.instant import INSTANT

__all__ = ["_logging_is_put_back", "operator"]

VIP = "vip-customers"
LAPSED = "lapsed-customers"
DAY = 86_400
CREATE, UPDATE = "audiences.create", "audiences.update"
SENTENCE = "hide members of 1 audience\n"


async def configured(operator: Operator, **audiences: dict[str, Any]) -> str:
    """An `audiences` section with one target each, through one new connection."""
    connection = await operator.connection()
    configure(operator, connection, audiences or {VIP: {}})
    return connection


def configure(operator: Operator, connection: str, audiences: dict[str, dict[str, Any]]) -> None:
    document = yaml.safe_load(operator.config.read_text())
    document["sources"] = [{"topic": "cdp"}]
    document["audiences"] = [
        {
            "audience": name,
            "destinations": [
                {"destination": "amazon-na", "connection_id": connection, **said},
            ],
        }
        for name, said in audiences.items()
    ]
    written(operator.config.parent, document)


def changes(operator: Operator) -> Counter[str]:
    """How often the partner was asked to change an audience."""
    asked = (one.endpoint for one in operator.simulator.requests())
    return Counter(name for name in asked if name in (CREATE, UPDATE))


def lock(operator: Operator) -> dict[str, Any]:
    """The entries of the lock file by the upstream name."""
    document = yaml.safe_load(lock_path(operator.config).read_text())
    return {entry["audience"]: entry for entry in document["audiences"]}


async def shown(operator: Operator, audience_id: int) -> Any:
    return (await operator.types(f"audiences show {audience_id} --json")).found


def strike(operator: Operator, endpoint: str, fault: Fault) -> None:
    operator.simulator.script(ScriptedFault(endpoint=endpoint, fault=fault))  # type: ignore[arg-type]


async def test_a_plan_says_what_would_be_done_and_changes_nothing(operator: Operator) -> None:
    await configured(operator, **{VIP: {"ttl_seconds": DAY}})

    plan = await operator.types("audiences plan")
    differs = await operator.types("audiences plan --exit-code")

    assert (plan.code, differs.code) == (0, 1)
    assert f"create  name: '{VIP}'" in plan.out
    assert "ttl_seconds: 86400" in plan.out
    assert "1 create" in plan.out
    assert not changes(operator)
    assert not lock_path(operator.config).exists()


async def test_what_has_no_id_is_made_and_every_command_knows_it(operator: Operator) -> None:
    said = {"description": "the best", "ttl_seconds": DAY, "country": "DE"}
    connection = await configured(operator, **{VIP: said})
    before = await operator.types("check")

    made = await operator.types("audiences apply")
    after = await operator.types("check")

    audience = await shown(operator, lock(operator)[VIP]["audience_id"])
    assert (before.code, made.code, after.code) == (2, 0, 0)
    assert "audiences apply" in before.error
    assert f"made: {VIP} at amazon-na.{connection}: audience {audience['audience_id']}" in made.out
    assert (audience["name"], audience["external_audience_id"]) == (VIP, VIP)
    assert (audience["description"], audience["ttl"]) == ("the best", DAY)
    assert audience["country_code"] == "DE"


async def test_a_partner_without_a_control_plane_is_left_out_and_named(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The contract allows `control=None`; the audiences of the other partners are made all the same.
    """
    monkeypatch.setitem(cast("dict[str, object]", PARTNERS), INSTANT.kind, INSTANT)
    await configured(operator)
    document = yaml.safe_load(operator.config.read_text())
    nowhere = f"http://127.0.0.1:{free_port()}"
    document["destinations"]["toy"] = {"kind": INSTANT.kind, "api_url": nowhere}
    toy = {"destination": "toy", "account": "a1", "list_id": "r-1"}
    document["audiences"][0]["destinations"].insert(0, toy)
    written(operator.config.parent, document)

    plan = await operator.types("audiences plan")
    made = await operator.types("audiences apply")
    alone = await operator.types("audiences plan --destination toy")

    assert (plan.code, made.code, alone.code) == (0, 0, 0)
    assert "1 create" in plan.out
    assert f"made: {VIP}" in made.out
    assert "there is no audience to plan" in alone.out
    for said in (plan, made, alone):
        assert "warning: destinations.toy: this program cannot list or change" in said.err


class KeylessPlane:
    """A control plane that makes every audience at once."""

    async def plan(
        self, api: Api, target: object, audience_id: str | None, name: str
    ) -> Sequence[Step]:
        raise NotImplementedError

    async def apply(self, api: Api, step: Step) -> Made:
        return Made("l-1")

    async def job(self, api: Api, job_id: str) -> NotSent:
        raise NotImplementedError


async def test_an_audience_whose_lane_no_key_says_is_kept_by_its_lane(tmp_path: Path) -> None:
    """
    The lock file that is written can be read again, and has the audience.
    """
    key = AudienceKey(VIP, "mail-us", "spring")
    placed = PlacedTarget(
        ("audiences", 0), key, KeylessTarget(destination="mail-us", feed="spring")
    )
    creates = Creation(name=VIP, external_id=None, keys={}, request=None)
    path = tmp_path / "pipeline.lock.yaml"

    def save(lock: AudienceLock) -> None:
        path.write_text(lock_text(lock), encoding="utf-8")

    application = Application(
        ends={"mail-us": PartnerEnd(cast("Api", None), KeylessPlane())},
        lock=AudienceLock(),
        save=save,
        now=lambda: "2026-11-25T10:00:00Z",
        told=lambda _: None,
    )

    await application.apply([Planned(placed, Step(what="create", creates=creates))])

    found = read_lock(path).entry(key)
    assert found is not None
    assert found.audience_id == "l-1"


async def test_a_second_apply_asks_for_no_change(operator: Operator) -> None:
    said = {"name": "Lapsed customers", "description": "gone", "ttl_seconds": DAY}
    await configured(operator, **{VIP: {}, LAPSED: said})
    first = await operator.types("audiences apply")
    asked, kept = changes(operator), lock_path(operator.config).read_bytes()

    second = await operator.types("audiences apply")
    plan = await operator.types("audiences plan --exit-code")

    assert (first.code, second.code, plan.code) == (0, 0, 0)
    assert asked == Counter({CREATE: 2})
    assert changes(operator) == asked
    assert lock_path(operator.config).read_bytes() == kept
    assert "2 unchanged" in second.out


async def test_only_what_differs_and_is_configured_is_changed(operator: Operator) -> None:
    connection = await operator.connection()
    audience = await operator.audience(
        *("--connection", connection, "--ttl", "60", "--fee", "USD=150"),
        *("--description", "the best"),
    )
    configure(operator, connection, {VIP: {"audience_id": audience, "ttl_seconds": DAY}})

    changed = await operator.types("audiences apply")
    again = await operator.types("audiences apply")

    found = await shown(operator, audience)
    assert (changed.code, again.code) == (0, 0)
    assert "ttl_seconds: 60 -> 86400" in changed.out
    assert (found["ttl"], found["description"]) == (DAY, "the best")
    assert found["fees"] == [{"currency": "USD", "cpm_cents": 150}]
    assert changes(operator) == Counter({CREATE: 1, UPDATE: 1})
    assert not lock_path(operator.config).exists()


@pytest.mark.parametrize("typed", ["", "\n", "yes\n", "hide members\n"])
async def test_members_are_not_hidden_unless_the_sentence_is_typed(
    operator: Operator, typed: str
) -> None:
    connection = await configured(operator)
    await operator.types("audiences apply")
    configure(operator, connection, {VIP: {"ttl_seconds": 0, "description": "the best"}})

    refused = await operator.types("audiences apply", answers=typed)

    assert refused.code == 1
    assert "ttl_seconds: 34300800 -> 0 (hides members)" in refused.err
    assert not changes(operator)[UPDATE]


@pytest.mark.parametrize(("more", "typed"), [(("--yes",), ""), ((), SENTENCE)])
async def test_members_are_hidden_once_it_was_confirmed(
    operator: Operator, more: tuple[str, ...], typed: str
) -> None:
    connection = await configured(operator)
    await operator.types("audiences apply")
    configure(operator, connection, {VIP: {"ttl_seconds": DAY}})

    applied = await operator.types("audiences apply", *more, answers=typed)

    assert applied.code == 0
    assert (await shown(operator, lock(operator)[VIP]["audience_id"]))["ttl"] == DAY


async def test_programs_get_ids_with_all_their_digits(operator: Operator) -> None:
    await configured(operator)

    [planned] = (await operator.types("audiences plan --json")).found
    [done] = (await operator.types("audiences apply --json")).found
    [kept] = (await operator.types("audiences plan --json")).found

    assert (planned["step"], planned["audience_id"]) == ("create", None)
    assert planned["creates"]["name"] == VIP
    assert (done["is_done"], done["trouble"]) == (True, None)
    assert done["audience_id"] == kept["audience_id"] == lock(operator)[VIP]["audience_id"] > 2**53
    assert kept["step"] == "unchanged"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(ending="drop", is_taken=True),
        Fault(ending="drop"),
        Fault(status=503, is_taken=True),
        Fault(status=500),
        Fault(status=408),
    ],
)
async def test_an_audience_that_may_be_there_is_not_made_again(
    operator: Operator, fault: Fault
) -> None:
    """
    The partner has no search by external id, so that only a person can look.
    """
    await configured(operator, **{VIP: {}, LAPSED: {}})
    strike(operator, CREATE, fault)

    first = await operator.types("audiences apply")
    again = await operator.types("audiences apply")

    assert (first.code, again.code) == (1, 1)
    assert "look for it by its name and external id in the partner's console" in first.err
    assert changes(operator) == Counter({CREATE: 2})
    assert "audience_id" not in lock(operator)[VIP]
    assert "audience_id" in lock(operator)[LAPSED]
    assert "audiences[0].destinations[0]: it was requested at 20" in again.err
    assert "remove its entry from the lock file" in again.err
    assert "audiences apply" in (await operator.types("check")).error


async def test_an_audience_that_was_looked_up_is_taken_over(operator: Operator) -> None:
    connection = await configured(operator)
    strike(operator, CREATE, Fault(ending="drop", is_taken=True))
    await operator.types("audiences apply")
    looked_up = await operator.audience("--connection", connection)
    asked = changes(operator)

    configure(operator, connection, {VIP: {"audience_id": looked_up}})
    applied = await operator.types("audiences apply")

    assert applied.code == 0
    assert changes(operator) == asked
    assert "remove the entry" in applied.err


async def test_an_audience_that_was_not_there_is_made_once_its_entry_is_removed(
    operator: Operator,
) -> None:
    await configured(operator)
    strike(operator, CREATE, Fault(ending="drop"))
    await operator.types("audiences apply")

    lock_path(operator.config).unlink()
    applied = await operator.types("audiences apply")

    assert applied.code == 0
    assert lock(operator)[VIP]["audience_id"]


@pytest.mark.parametrize("status", [400, 403, 429])
async def test_what_was_refused_can_be_tried_again_and_the_rest_is_done(
    operator: Operator, status: int
) -> None:
    await configured(operator, **{VIP: {}, LAPSED: {}})
    strike(operator, CREATE, Fault(status=status))

    first = await operator.types("audiences apply")
    after_first = lock(operator)
    second = await operator.types("audiences apply")

    assert (first.code, second.code) == (1, 0)
    assert first.error.startswith("error: audiences[0].destinations[0]: ")
    assert str(status) in first.error
    assert list(after_first) == [LAPSED]
    assert sorted(lock(operator)) == [LAPSED, VIP]
    assert changes(operator) == Counter({CREATE: 3})


async def test_a_partner_out_of_reach_leaves_nothing_in_doubt(operator: Operator) -> None:
    await configured(operator, **{VIP: {}, LAPSED: {}})
    document = yaml.safe_load(operator.config.read_text())
    dead = f"http://127.0.0.1:{free_port()}"
    keys = {"token_url": operator.simulator.token_url}
    document["destinations"]["amazon-na"] = {**there(dead), **keys}
    written(operator.config.parent, document)

    refused = await operator.types("audiences apply")

    first, second = refused.err.splitlines()
    assert refused.code == 1
    assert "check api_url" in first
    assert "audiences[1].destinations[0]: not tried" in second
    assert not lock(operator)


async def test_without_a_place_for_the_ids_nothing_is_made(operator: Operator) -> None:
    """
    Nor changed. A folder that not even root may write to is that of the process's own open files.
    """
    connection = await operator.connection()
    standing = await operator.audience("--connection", connection)
    changing = {"audience_id": standing, "description": "the best"}
    configure(operator, connection, {LAPSED: changing, VIP: {}})
    asked = changes(operator)
    file = os.open(operator.config, os.O_RDONLY)
    config = Path(f"/proc/self/fd/{file}")
    try:
        refused = await Operator(config, operator.simulator).types("audiences apply")
    finally:
        os.close(file)

    assert refused.code == 1
    assert f"/proc/self/fd/{file}.lock.yaml" in refused.err
    assert "so let this user write to its folder" in refused.err
    assert changes(operator) == asked


class Full:
    """A disk that takes so many more files."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.kept: list[AudienceLock] = []

    def save(self, lock: AudienceLock) -> None:
        if len(self.kept) == self.room:
            raise LockUnwritable("no space left on device")
        self.kept.append(lock)


async def applied(operator: Operator, disk: Full) -> list[Result]:
    configuration = load_with_lock(operator.config, {}, needs_ids=False)
    async with partner_apis(configuration.settings) as apis:
        ends = partner_ends(configuration.settings, apis)
        application = Application(
            ends=ends,
            lock=configuration.identities.lock,
            save=disk.save,
            now=lambda: "2026-11-25T10:00:00Z",
            told=lambda _: None,
        )
        return await application.apply(await plan_audiences(configuration, ends, None))


async def test_an_id_that_cannot_be_kept_is_told_and_nothing_more_is_made(
    operator: Operator,
) -> None:
    await configured(operator, **{VIP: {}, LAPSED: {}})

    first, second = await applied(operator, Full(room=1))

    assert first.trouble is not None
    assert second.trouble is not None
    made = int(first.trouble.split()[2].rstrip(","))
    assert (await shown(operator, made))["name"] == VIP
    assert "set it as audience_id at audiences[0].destinations[0]" in first.trouble
    assert "not tried" in second.trouble
    assert changes(operator) == Counter({CREATE: 1})


async def test_a_creation_is_written_down_before_it_is_sent(operator: Operator) -> None:
    await configured(operator)
    disk = Full(room=0)

    [result] = await applied(operator, disk)

    assert result.trouble == "no space left on device"
    assert not changes(operator)


async def test_an_audience_that_the_partner_lost_is_named_and_not_made_anew(
    operator: Operator,
) -> None:
    connection = await operator.connection()
    configure(operator, connection, {VIP: {"audience_id": 7, "ttl_seconds": DAY}})

    plan = await operator.types("audiences plan")
    applied = await operator.types("audiences apply")

    assert (plan.code, applied.code) == (0, 1)
    assert "missing" in plan.out
    assert "the partner knows no audience 7: check client_id and region" in applied.error
    assert not changes(operator)


async def test_what_the_partner_never_changes_is_named(operator: Operator) -> None:
    connection = await configured(operator)
    await operator.types("audiences apply")
    configure(operator, connection, {VIP: {"name": "Other customers", "description": "new"}})

    applied = await operator.types("audiences apply")

    assert applied.code == 1
    assert f"never changes name: '{VIP}' -> 'Other customers'" in applied.error
    assert changes(operator) == Counter({CREATE: 1, UPDATE: 1})


async def test_a_partner_that_does_not_say_how_things_stand_is_asked_for_no_change(
    operator: Operator,
) -> None:
    connection = await operator.connection()
    configure(operator, connection, {VIP: {"audience_id": 7}, LAPSED: {}})
    strike(operator, "audiences.show", Fault(status=500))

    applied = await operator.types("audiences apply")

    assert "500" in applied.error
    assert not changes(operator)


async def test_two_at_once_do_not_make_everything_twice(operator: Operator) -> None:
    await configured(operator)

    with locked(lock_path(operator.config)):
        refused = await operator.types("audiences apply")

    assert refused.code == 1
    assert "another `audiences apply` is running" in refused.error
    assert not changes(operator)


async def test_one_destination_can_be_chosen(operator: Operator) -> None:
    await configured(operator)
    document = yaml.safe_load(operator.config.read_text())
    document["destinations"]["amazon-eu"] = there("http://127.0.0.1:9", region="EU")
    document["audiences"][0]["destinations"].append(
        {"destination": "amazon-eu", "connection_id": "another"}
    )
    written(operator.config.parent, document)

    unknown = await operator.types("audiences apply --destination amazon")
    chosen = await operator.types("audiences apply --destination amazon-na")

    assert (unknown.code, chosen.code) == (2, 0)
    assert changes(operator) == Counter({CREATE: 1})


async def test_a_lock_file_that_is_a_link_stays_one(operator: Operator, tmp_path: Path) -> None:
    await configured(operator)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    lock_path(operator.config).symlink_to(elsewhere / "ids.yaml")

    await operator.types("audiences apply")

    assert lock_path(operator.config).is_symlink()
    assert lock(operator)[VIP]["audience_id"]
    assert names(elsewhere.iterdir()) == {"ids.yaml"}


async def test_nothing_is_left_beside_the_lock(operator: Operator) -> None:
    await configured(operator)

    await operator.types("audiences apply")

    assert names(operator.config.parent.iterdir()) == {"pipeline.yaml", "pipeline.lock.yaml"}


async def test_other_commands_work_while_an_audience_is_not_made(operator: Operator) -> None:
    connection = await configured(operator)

    assert await operator.connections() == [connection]


def names(paths: Iterable[Path]) -> set[str]:
    return {path.name for path in paths}
