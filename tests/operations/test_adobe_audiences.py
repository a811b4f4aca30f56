"""`audiences` of a partner whose creations take their time, and whose ids are text."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from pipeline.configuration.load import load_with_lock
from pipeline.configuration.lock import AudienceLock, lock_path, read_lock
from pipeline.destinations.adobe_audiences.commands.audience_commands import time_of
from pipeline.destinations.adobe_audiences.online_check import check_online
from pipeline.destinations.adobe_audiences.settings import AdobeSettings
from pipeline.destinations.adobe_audiences.targets import AdobeTarget
from pipeline.destinations.control import (
    Api,
    Creation,
    Declined,
    InProgress,
    Made,
    Step,
    Unanswered,
)
from pipeline.domain.send_result import InDoubt, NotSent
from pipeline.operations.audiences.apply import Application, Result
from pipeline.operations.audiences.lock_file import LockFile
from pipeline.operations.audiences.selection import PartnerEnd, plan_audiences
from pipeline.operations.partner_api import partner_apis
from pipeline.sandbox.adobe_audiences.simulator import AdobeSimulator
from pipeline.settings.problems import SettingsError
from tests.cli.test_commands import Ran, _logging_is_put_back, run, written
from tests.http.adobe_world import document, options

__all__ = ["_logging_is_put_back"]

VIP = "vip-customers"
IDENTITY = {"namespace": "email_lc_sha256", "from": "email"}


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody at a command line, with a configuration of Amazon Ads and Adobe."""

    config: Path
    simulator: AdobeSimulator

    async def types(self, line: str, answers: str = "") -> Ran:
        return await asyncio.to_thread(run, [*line.split(), "--config", str(self.config)], answers)

    def lock(self) -> AudienceLock:
        return read_lock(lock_path(self.config))

    def creations(self) -> int:
        asked = [one.endpoint for one in self.simulator.requests()]
        return asked.count("audiences.create")


def configuration(section: dict[str, object], **target: object) -> dict[str, Any]:
    said = {"destination": "adobe", "identity": IDENTITY, **target}
    return {
        "sources": [{"topic": "cdp"}],
        "destinations": {"adobe": section},
        "audiences": [{"audience": VIP, "destinations": [said]}],
    }


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with AdobeSimulator(files=tmp_path, random=Random(1), options=options()) as simulator:
        section = document(simulator.url, simulator.token_url, tmp_path)
        yield Operator(written(tmp_path, configuration(section)), simulator)


async def test_what_has_no_id_is_made_once_and_kept_by_its_text(operator: Operator) -> None:
    before = await operator.types("check")
    plan = await operator.types("audiences plan")
    made = await operator.types("audiences apply")
    again = await operator.types("audiences apply")
    after = await operator.types("check")

    [audience] = await operator.simulator.audiences()
    [entry] = operator.lock().audiences
    assert (before.code, plan.code, made.code, again.code, after.code) == (2, 0, 0, 0, 0)
    assert "external_audience_id: is missing" in before.error
    assert "namespace: 'Email_LC_SHA256'" in plan.out
    assert (entry.audience_id, entry.operation, entry.lane) == (audience, None, "snapshots")
    assert f"audience {audience}" in made.out
    assert "1 unchanged" in again.out
    assert operator.creations() == 1


async def test_an_audience_that_is_gone_is_made_again_only_when_it_is_asked_for(
    operator: Operator,
) -> None:
    await operator.types("audiences apply")
    [audience] = await operator.simulator.audiences()
    deleted = await operator.types(f"audiences delete {audience}", answers=f"{audience}\n")

    gone = await operator.types("audiences apply")
    lock_path(operator.config).unlink()
    made = await operator.types("audiences apply")

    assert deleted.code == 0
    assert (gone.code, made.code) == (1, 0)
    assert f"the partner knows no audience {audience}" in gone.out + gone.err
    assert operator.creations() == 2


async def test_an_audience_is_made_shown_changed_and_deleted(operator: Operator) -> None:
    words = "audiences create --name VIPs --external-id vip --namespace ECID --from attributes.ecid"
    made = await operator.types(
        f"{words} --column tier=attributes.tier:string --ttl-days 60 --json"
    )
    audience = made.found["external_audience_id"]

    shown = await operator.types(f"audiences show {audience} --json")
    changed = await operator.types(
        f"audiences update {audience} --ttl-days 9 --column-label tier=core/C2 --json"
    )
    kept = await operator.types(f"audiences delete {audience}", answers="yes\n")
    deleted = await operator.types(f"audiences delete {audience}", answers=f"{audience}\n")

    assert made.found["target"]["identity"] == {"namespace": "ECID", "from": "attributes.ecid"}
    assert shown.found == {"external_audience_id": audience, "runs": []}
    assert changed.found["ttl_days"] == 9
    assert (kept.code, deleted.code) == (1, 0)
    assert not await operator.simulator.audiences()


async def test_a_lifetime_that_only_the_configuration_knows_is_named_with_both_figures(
    operator: Operator,
) -> None:
    """
    The partner shows none, so the lock file has what it was told from here: the renewal would
    reckon with another one, and come too late.
    """
    await operator.types("audiences apply")
    [audience] = await operator.simulator.audiences()
    as_made = await operator.types("check")
    said = yaml.safe_load(operator.config.read_text())
    said["audiences"][0]["destinations"][0]["ttl_days"] = 60
    operator.config.write_text(yaml.safe_dump(said))

    changed = await operator.types("check")
    update = f"audiences update {audience} --ttl-days 60 --destination adobe"
    await operator.types(f"audiences update {audience} --label core/C1")
    other = await operator.types("check")
    await operator.types(update)
    told = await operator.types("check")

    warning = f"the partner was told 30 for audience {audience}; renewals count 60 days"
    assert "was told" not in as_made.out + told.out
    assert warning in changed.out
    assert warning in other.out
    assert f"put back 30, or run `{update}`" in changed.out
    assert (changed.code, told.code) == (0, 0)
    assert [entry.ttl_days for entry in operator.lock().audiences] == [60]


async def test_what_the_lock_file_does_not_have_is_not_noted_there(operator: Operator) -> None:
    await operator.types("audiences apply")
    [audience] = await operator.simulator.audiences()
    before = operator.lock()

    refused = await operator.types("audiences update another --ttl-days 9")
    made = await operator.types(
        "audiences create --name VIPs --external-id v --namespace ECID --from member_id --json"
    )
    by_hand = made.found["external_audience_id"]
    changed = await operator.types(f"audiences update {by_hand} --ttl-days 9")

    assert (refused.code, changed.code) == (1, 0)
    assert by_hand != audience
    assert operator.lock() == before


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(1_795_782_317.9, "2026-11-27T12:25:17Z"), (None, None), (1e18, "1e+18")],
)
def test_a_run_is_shown_by_times_that_a_person_reads(
    seconds: float | None, shown: str | None
) -> None:
    """
    The last is of no calendar.
    """
    assert time_of(seconds) == shown


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("audiences show another", "no such audience"),
        ("audiences update another", "nothing to change"),
        ("audiences update another --ttl-days 9", "no such audience"),
        ("audiences update another --column-label tier", "write it like tier=core/C2"),
        (
            "audiences create --name v --external-id v --namespace Email --from email",
            "never leaves ingest",
        ),
        (
            "audiences create --name v --external-id v --namespace crm --from member_id --column x",
            "write it like tier=attributes.tier:string",
        ),
        ("audiences create --name v --external-id v --from email", "needs --namespace"),
        ("audiences show another --fee USD=1", "No such option"),
    ],
)
async def test_what_cannot_be_is_refused_with_what_to_write(
    operator: Operator, line: str, said: str
) -> None:
    ran = await operator.types(line)

    assert ran.code != 0
    assert said in ran.err


async def test_the_online_check_says_what_the_budget_comes_to(operator: Operator) -> None:

    await operator.types("audiences apply")
    settings = load_with_lock(operator.config, {}).settings
    destination, target = settings.destinations["adobe"], settings.audiences[0].destinations[0]
    assert isinstance(destination, AdobeSettings)
    assert isinstance(target, AdobeTarget)
    async with partner_apis(settings) as apis:
        good = await check_online(apis["adobe"], destination, [target])
        bad = await check_online(apis["adobe"], destination, [target.with_audience("another")])

    assert not any(one.is_bad for one in good)
    assert "1 audience, 90 runs a day" in good[0].text
    assert "every audience is there (1)" in good[-2].text
    assert "does not show ttl_days" in good[-1].text
    assert bad[-1].is_bad
    assert "knows no audience another" in bad[-1].text


class SlowPartner:
    """Makes audiences by operations; answers as it is told, and dies where it is told."""

    def __init__(self, *answers: Made | InProgress | Unanswered | BaseException) -> None:
        self.answers = list(answers)
        self.asked: list[str | None] = []
        """The operation of each request; None where it asked for a creation."""

    async def plan(
        self, api: Api, target: object, audience_id: str | None, name: str
    ) -> tuple[Step, ...]:
        if audience_id is not None:
            return (Step(what="keep", audience_id=audience_id),)
        return (
            Step(what="create", creates=Creation(name=name, external_id=None, keys={}, request=0)),
        )

    async def apply(self, api: Api, step: Step) -> Made | InProgress | Unanswered:
        self.asked.append(step.operation)
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def job(self, api: Api, job_id: str) -> Any:
        raise NotImplementedError


class Killed(BaseException):
    """The process dies here."""


@dataclass(slots=True)
class Applying:
    """`audiences apply`, again and again, over one lock file."""

    config: Path

    async def once(self, partner: SlowPartner) -> Result:
        loaded = load_with_lock(self.config, {}, needs_ids=False)
        ends = {"adobe": PartnerEnd(None, partner)}  # type: ignore[arg-type]
        application = Application(
            ends=ends,
            lock=loaded.identities.lock,
            save=LockFile(lock_path(self.config)).save,
            now=lambda: "2026-11-27T10:00:00Z",
            told=lambda _: None,
        )
        [result] = await application.apply(await plan_audiences(loaded, ends, None))
        return result

    def entries(self) -> list[tuple[object, str | None]]:
        lock = read_lock(lock_path(self.config))
        return [(entry.audience_id, entry.operation) for entry in lock.audiences]


@pytest.fixture
def applying(tmp_path: Path) -> Applying:
    section = document("http://127.0.0.1:1", "http://127.0.0.1:1", tmp_path)
    return Applying(written(tmp_path, configuration(section)))


class TestACreationThatTakesItsTime:
    async def test_its_operation_is_in_the_lock_file_before_anybody_waits_for_it(
        self, applying: Applying
    ) -> None:
        """
        A crash while waiting must not make a second audience: the next apply asks after this one.
        """
        first = SlowPartner(InProgress("op-1", "at work"), Killed())
        with pytest.raises(Killed):
            await applying.once(first)
        kept = applying.entries()

        second = SlowPartner(Made("a-1"))
        result = await applying.once(second)

        assert kept == [(None, "op-1")]
        assert (first.asked, second.asked) == ([None, "op-1"], ["op-1"])
        assert result.audience_id == "a-1"
        assert applying.entries() == [("a-1", None)]

    async def test_one_that_goes_on_is_asked_after_by_the_next_apply(
        self, applying: Applying
    ) -> None:
        at_work = InProgress("op-1", "still at work")
        result = await applying.once(SlowPartner(at_work, at_work))

        again = SlowPartner(Made("a-1"))
        await applying.once(again)

        assert result.trouble == "still at work; apply again in a while"
        assert again.asked == ["op-1"]

    @pytest.mark.parametrize(
        "trouble",
        [NotSent("away"), InDoubt("silent"), Declined(404, "404", "x"), Declined(500, "", "")],
    )
    async def test_a_question_without_an_answer_forgets_no_creation(
        self, applying: Applying, trouble: Unanswered
    ) -> None:
        """
        It was taken when its operation was named; what fails later is a question.
        """
        result = await applying.once(SlowPartner(InProgress("op-1", ""), trouble))

        again = SlowPartner(Made("a-1"))
        await applying.once(again)

        assert result.trouble is not None
        assert "apply again" in result.trouble
        assert again.asked == ["op-1"]

    async def test_one_that_failed_is_forgotten_and_asked_for_anew(
        self, applying: Applying
    ) -> None:
        failed = Declined(200, "the partner failed to make it", "check", made_nothing=True)
        result = await applying.once(SlowPartner(InProgress("op-1", ""), failed))
        forgotten = applying.entries()

        again = SlowPartner(InProgress("op-2", ""), Made("a-2"))
        await applying.once(again)

        assert result.trouble is not None
        assert forgotten == []
        assert again.asked == [None, "op-2"]

    async def test_where_no_answer_came_at_all_a_person_must_look(self, applying: Applying) -> None:
        await applying.once(SlowPartner(InDoubt("silent")))

        again = SlowPartner()
        result = await applying.once(again)

        assert again.asked == []
        assert result.trouble is not None
        assert "set its external_audience_id at audiences[0].destinations[0]" in result.trouble


def test_an_id_of_text_that_nobody_can_have_given_out_is_no_entry(tmp_path: Path) -> None:

    path = tmp_path / "pipeline.lock.yaml"
    entry = {"audience": "x", "destination": "y", "lane": "snapshots", "name": "x", "asked_at": "x"}
    for wrong in ("a|b", "a b", "", "x" * 129, -1, 0, True):
        path.write_text(
            yaml.safe_dump({"version": 1, "audiences": [{**entry, "audience_id": wrong}]})
        )
        with pytest.raises(SettingsError, match="audience_id"):
            read_lock(path)
