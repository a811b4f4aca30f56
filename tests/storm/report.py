"""The table that a storm ends with."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tests.storm.evidence import Evidence
from tests.storm.ledger import Ledger
from tests.storm.verdict import recovery


def table(evidence: Evidence, failures: Sequence[str]) -> str:
    """Figures and faults in columns, then what failed, then PASS or FAIL."""
    lines = [
        *_figures(evidence),
        "",
        f"{'fault':22}{'times':>6}{'recovery, s':>14}",
        *_faults(evidence),
        "",
        *(f"FAILED: {sentence}" for sentence in failures),
        "FAIL" if failures else "PASS",
    ]
    return "\n".join(lines)


def _figures(evidence: Evidence) -> Iterator[str]:
    ledger = Ledger(evidence)
    seconds = evidence.ended - evidence.began
    arrived = sum(one.records for one in evidence.arrivals)
    room = len(evidence.topics.lanes) * evidence.cap * seconds / evidence.window_seconds
    outcomes = evidence.topics.outcomes
    for name, figure in (
        ("seconds", f"{seconds:.0f}"),
        ("changes produced", f"{evidence.produced:,}"),
        ("records prepared", f"{ledger.prepared:,}"),
        ("records sent", f"{arrived:,}"),
        ("superseded", f"{ledger.superseded:,}"),
        ("dead-lettered", f"{ledger.refused:,}"),
        ("accepted", f"{ledger.accepted:,} = {_ends(ledger)}"),
        ("lost", f"{ledger.lost_at_ingest} + {len(ledger.lost)}"),
        ("reordered", f"{ledger.reordered_at_ingest} + {len(ledger.reordered)}"),
        ("doubled", f"{ledger.doubled_at_ingest} at ingest, {ledger.doubled:,} at the partner"),
        ("doubled outcomes", f"{len(outcomes) - len({one.job_id for one in outcomes})}"),
        ("overlapping requests", f"{sum(one.overlaps for one in evidence.arrivals)}"),
        ("largest window / cap", f"{max(evidence.windows.values()) / evidence.cap:.3f}"),
        ("used / cap", f"{arrived / room:.3f}"),
    ):
        yield f"{name:22}{figure}"


def _ends(ledger: Ledger) -> str:
    return " + ".join(f"{count:,} {name}" for name, count in ledger.ends.items())


def _faults(evidence: Evidence) -> Iterator[str]:
    seconds: defaultdict[str, list[float | None]] = defaultdict(list)
    for struck in evidence.struck:
        seconds[struck.gust.kind].append(recovery(evidence, struck))
    for kind, found in sorted(seconds.items()):
        seen = [one for one in found if one is not None]
        longest = f"{max(seen):.1f}" if seen else "-"
        yield f"{kind:22}{len(found):>6}{longest:>14}"
