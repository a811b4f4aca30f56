"""The tables that storms end with."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tests.chaos.evidence import Evidence
from tests.chaos.ledger import Ledger
from tests.chaos.verdict import recovery


def table(evidence: Evidence, failures: Sequence[str]) -> str:
    """Figures and faults in columns, then what failed, then PASS or FAIL."""
    lines = [
        *_figures(evidence),
        "",
        *_faults([evidence]),
        "",
        *(f"FAILED: {sentence}" for sentence in failures),
        "FAIL" if failures else "PASS",
    ]
    return "\n".join(lines)


def summary(storms: Mapping[int, tuple[Evidence, Sequence[str]]]) -> str:
    """A line for each seed, and all their faults together."""
    columns = (
        "seed",
        "seconds",
        "faults",
        "sent",
        "lost",
        "reordered",
        "doubled",
        "largest",
        "used",
    )
    lines = ["".join(f"{column:>10}" for column in columns)]
    for seed, (evidence, failures) in storms.items():
        ledger = Ledger(evidence)
        cells = (
            f"{seed}",
            f"{evidence.ended - evidence.began:.0f}",
            f"{len(evidence.struck)}",
            f"{_arrived(evidence):,}",
            f"{ledger.lost_at_ingest + len(ledger.lost)}",
            f"{ledger.reordered_at_ingest + len(ledger.reordered)}",
            f"{ledger.doubled_at_ingest + ledger.doubled:,}",
            f"{_largest(evidence):.3f}",
            f"{_used(evidence):.3f}",
        )
        verdict = "FAIL" if failures else "PASS"
        lines.append("".join(f"{cell:>10}" for cell in cells) + f"  {verdict}")
    return "\n".join([*lines, "", *_faults([evidence for evidence, _ in storms.values()])])


def _arrived(evidence: Evidence) -> int:
    return sum(one.records for one in evidence.arrivals)


def _largest(evidence: Evidence) -> float:
    return max(evidence.windows.values()) / evidence.cap


def _used(evidence: Evidence) -> float:
    windows = (evidence.ended - evidence.began) / evidence.window_seconds
    return _arrived(evidence) / (len(evidence.topics.lanes) * evidence.cap * windows)


def _figures(evidence: Evidence) -> Iterator[str]:
    ledger = Ledger(evidence)
    outcomes = evidence.topics.outcomes
    for name, figure in (
        ("seconds", f"{evidence.ended - evidence.began:.0f}"),
        ("members by", "identity" if evidence.is_static else "process"),
        ("changes produced", f"{evidence.produced:,}"),
        ("records prepared", f"{ledger.prepared:,}"),
        ("records sent", f"{_arrived(evidence):,}"),
        ("superseded", f"{ledger.superseded:,}"),
        ("dead-lettered", f"{ledger.refused:,}"),
        ("accepted", f"{ledger.accepted:,} = {_ends(ledger)}"),
        ("lost", f"{ledger.lost_at_ingest} + {len(ledger.lost)}"),
        ("reordered", f"{ledger.reordered_at_ingest} + {len(ledger.reordered)}"),
        ("doubled", f"{ledger.doubled_at_ingest} at ingest, {ledger.doubled:,} at the partner"),
        ("doubled outcomes", f"{len(outcomes) - len({one.job_id for one in outcomes})}"),
        ("overlapping requests", f"{sum(one.overlaps for one in evidence.arrivals)}"),
        ("runs of files", _runs(evidence)),
        ("largest window / cap", f"{_largest(evidence):.3f}"),
        ("used / cap", f"{_used(evidence):.3f}"),
    ):
        yield f"{name:22}{figure}"


def _runs(evidence: Evidence) -> str:
    runs = evidence.snapshots.runs
    good = sum(run.end == "good" for run in runs)
    return f"{len(runs)}, {good} good; {evidence.snapshots.largest_day} in the fullest day"


def _ends(ledger: Ledger) -> str:
    return " + ".join(f"{count:,} {name}" for name, count in ledger.ends.items())


def _faults(storms: Sequence[Evidence]) -> Iterator[str]:
    """How often each kind struck, and the longest recovery of those nothing else disturbed."""
    seconds: defaultdict[str, list[float | None]] = defaultdict(list)
    for evidence in storms:
        for struck in evidence.struck:
            seconds[struck.gust.kind].append(recovery(evidence, struck))
    yield f"{'fault':22}{'times':>6}{'measured':>10}{'recovery, s':>14}"
    for kind, found in sorted(seconds.items()):
        seen = [one for one in found if one is not None]
        longest = f"{max(seen):.1f}" if seen else "-"
        yield f"{kind:22}{len(found):>6}{len(seen):>10}{longest:>14}"
