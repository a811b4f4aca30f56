"""Composes requests about runs at Adobe, and interprets the answers."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from pipeline.destinations.adobe_audiences.errors import (
    detail,
    is_budget,
    is_busy,
    is_invalid_token,
    is_page,
)
from pipeline.destinations.adobe_audiences.generations import Generation
from pipeline.destinations.adobe_audiences.requests import composed
from pipeline.destinations.exchange import Request, Response, document
from pipeline.destinations.other_answers import CAUSES, other_answer
from pipeline.destinations.partner_words import status_word
from pipeline.destinations.snapshots import (
    BudgetSpent,
    Run,
    RunAnswer,
    RunRefused,
    RunStarted,
    Window,
)
from pipeline.domain.job import JobEnd, JobReport, NotYet
from pipeline.domain.send_result import BlockCause, Blocked, InDoubt, Throttled

LONGEST_ID = 200
LONGEST_STATE = 200
STAGES: Final = ("DATASET_INGEST", "PROFILE_STORE_INGEST")
"""The data lake, then the profiles; a run succeeds only if both stages do."""
SUCCESS: Final = "SUCCESS"
FAILED: Final = "FAILED"
_OF_A_RUN: Final = frozenset({"runId", "status", "details"})
_LISTS: Final = ("runs", "ingestions", "items", "results")
"""Keys that may hold the list of runs; the draft does not say which."""
_MILLISECONDS: Final = 100_000_000_000
"""Times from this number on are in milliseconds."""


def compose_run(generation: Generation, audience: str, window: Window) -> Request:
    """POST that starts a run over the files of a window."""
    body: dict[str, object] = {
        "dataFilterStartTime": window.start_s,
        "dataFilterEndTime": window.end_s,
    }
    if generation.says_differential:
        body["differentialIngestion"] = False
    return composed("run", "POST", generation.start(audience), body=body)


def interpret_run(response: Response) -> RunAnswer:
    """The meaning of the answer to a start; in doubt if the answer cannot be read."""
    status = response.status
    if 200 <= status < 300:
        return _started(response)
    if 300 <= status < 400:
        return Blocked("wrong_address", f"{status}: the partner redirects us; check api_url")
    if is_invalid_token(response):
        return Blocked("unauthorised", detail(response))
    if is_budget(response):
        return BudgetSpent(detail(response), response.wait)
    if status in (400, 409, 422) or (status == 429 and is_busy(response)):
        return RunRefused(detail(response))
    if status == 429:
        return Throttled(response.wait)
    return other_answer(response, detail(response))


def compose_runs(generation: Generation, audience: str) -> Request:
    """GET of the runs of an audience. Adobe no longer documents parameters of this list."""
    return composed("runs", "GET", generation.runs(audience))


def interpret_runs(response: Response, *, usual_window: int) -> Sequence[Run] | NotYet:
    """The runs, newest first; or why the list cannot be read.

    One unreadable entry makes the list unusable, because we would overlook a run. If an entry has
    no end of its window, we assume the length of our windows (`usual_window`, seconds). If it has
    no window at all, as the partner's own renewal may have none, only its time counts.
    """
    if response.status != 200:
        return not_yet(response)
    said = None if is_page(response) else document(response.body)
    entries = _entries(said)
    if response.body_trouble is not None or entries is None:
        return NotYet(f"200, but not a list of runs: {response.body_trouble or 'another body'}")
    runs = [_run(entry, usual_window) for entry in entries]
    found = [run for run in runs if run is not None]
    if len(found) < len(runs):
        return NotYet("200, but the list has a run that cannot be read")
    return sorted(found, key=lambda run: run.created_s or 0.0, reverse=True)


def compose_status(generation: Generation, audience: str, run_id: str) -> Request:
    """GET of one run."""
    return composed("run status", "GET", generation.run(audience, run_id))


def interpret_status(response: Response) -> JobReport | NotYet:
    """The state of a run: applied if every stage has succeeded, failed if one has failed.

    The word for a run that goes on is not documented, so every other word means that.
    """
    if response.status != 200:
        return not_yet(response)
    said = None if is_page(response) else document(response.body)
    is_one = isinstance(said, dict) and not said.keys().isdisjoint(_OF_A_RUN)
    if response.body_trouble is not None or not isinstance(said, dict) or not is_one:
        return NotYet(
            f"200, but not the status of a run: {response.body_trouble or 'another body'}"
        )
    return _report(status_word(said.get("status")), _stages(said.get("details")))


def not_yet(response: Response) -> NotYet:
    """A `NotYet` for a question without an answer. Only the partner itself can say `missing`."""
    status = response.status
    is_missing = status == 404 and isinstance(document(response.body), dict)
    cause: BlockCause | None = "wrong_address" if 300 <= status < 400 else CAUSES.get(status)
    return NotYet(
        detail(response),
        response.wait,
        is_missing,
        is_throttled=status == 429,
        # A 404 page may come from a proxy that has a fault for a moment.
        cause=None if status == 404 and not is_missing else cause,
    )


def seconds(value: object) -> float | None:
    """A time since the epoch in seconds, also where it came in milliseconds or as text.

    >>> seconds(1_750_000_000_000), seconds("1750000000"), seconds("2025-06-15T15:06:40Z")
    (1750000000.0, 1750000000.0, 1750000000.0)
    """
    if isinstance(value, str):
        value = _number(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e16:
        return None
    return value / 1000 if value >= _MILLISECONDS else float(value)


def _number(text: str) -> float | None:
    """The number of a text of digits, otherwise of a date; a date without offset is in UTC."""
    if text.isascii() and text.isdigit():
        return int(text) if len(text) < 17 else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _started(response: Response) -> RunStarted | InDoubt:
    said = None if is_page(response) else document(response.body)
    run_id = said.get("runId") if isinstance(said, dict) else None
    if response.body_trouble is None and isinstance(run_id, str) and 0 < len(run_id) <= LONGEST_ID:
        return RunStarted(run_id)
    # The run may have started, but its id is unknown: the list of runs must show it.
    why = response.body_trouble or "it names no run"
    return InDoubt(f"{response.status}, but {why}")


def _entries(said: object) -> list[object] | None:
    if isinstance(said, list):
        return said
    if not isinstance(said, dict):
        return None
    return next((said[name] for name in _LISTS if isinstance(said.get(name), list)), None)


def _run(entry: object, usual_window: int) -> Run | None:
    if not isinstance(entry, dict):
        return None
    run_id, window = entry.get("runId"), _window(entry, usual_window)
    created = seconds(entry.get("createdAt"))
    created = seconds(entry.get("ingestionTime")) if created is None else created
    if not isinstance(run_id, str) or not 0 < len(run_id) <= LONGEST_ID:
        return None
    if window is None and (entry.get("dataFilterStartTime") is not None or created is None):
        return None
    state = status_word(entry.get("status"))
    return Run(
        run_id=run_id,
        window=window,
        # An entry of a list has no stages: its SUCCESS means that the run ended, not how.
        report=JobReport(state=_short(state), end=_ends(state)),
        created_s=created,
    )


def _window(entry: Mapping[str, object], usual: int) -> Window | None:
    start = seconds(entry.get("dataFilterStartTime"))
    if start is None:
        return None
    end = seconds(entry.get("dataFilterEndTime"))
    return Window(start_s=int(start), end_s=int(start) + usual if end is None else int(end))


def _stages(details: object) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for one in details if isinstance(details, list) else ():
        if isinstance(one, dict):
            found[status_word(one.get("stage"))] = status_word(one.get("status"))
    return found


def _report(state: str, stages: Mapping[str, str]) -> JobReport:
    failed = [stage for stage, status in stages.items() if status == FAILED]
    if state == FAILED or failed:
        where = f" at {', '.join(failed)}" if failed else ""
        return JobReport(state=_short(f"{FAILED}{where}"), end="failed")
    if state == SUCCESS and all(stages.get(stage) == SUCCESS for stage in STAGES):
        return JobReport(state=SUCCESS, end="applied")
    said = ", ".join(f"{stage} {stages.get(stage) or 'not said'}" for stage in STAGES)
    return JobReport(state=_short(f"{state or 'not said'} ({said})"), end="pending")


def _ends(state: str) -> JobEnd:
    ends: Mapping[str, JobEnd] = {SUCCESS: "applied", FAILED: "failed"}
    return ends.get(state, "pending")


def _short(state: str) -> str:
    return " ".join(state.split())[:LONGEST_STATE]
