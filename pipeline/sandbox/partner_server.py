"""The simulator's side of the reconciliation: what it holds, in the words of the comparison."""

from pipeline.domain.change import Action
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator
from pipeline.sandbox.reconciliation import Held, Member


def held_by(simulator: AmazonAdsSimulator, cap: int) -> Held:
    """Everything the partner knows of the run, as of now."""
    totals = simulator.totals()
    last_invalid, invalid = _named_invalid(simulator)
    return Held(
        membership=simulator.membership(),
        last_invalid=last_invalid,
        invalid=invalid,
        largest_windows={
            target: window["largest"] for target, window in simulator.windows().items()
        },
        cap=cap,
        overlapping_requests=totals["overlapping_requests"],
        repeated_in_request=totals["repeated_in_request"],
        unreadable_requests=totals["unreadable_requests"],
        polls_after_end=totals["polls_after_end"],
    )


def _named_invalid(simulator: AmazonAdsSimulator) -> tuple[dict[Member, Action], set[Member]]:
    """Members whose last change was named invalid, and all of whom one ever was."""
    last: dict[Member, Action] = {}
    ever: set[Member] = set()
    for one in simulator.unapplied():
        if one.reason != "invalid":
            continue
        member = (one.audience, one.member)
        ever.add(member)
        taken = simulator.history(*member)
        if not taken or taken[-1].sequence < one.sequence:
            last[member] = one.action
    return last, ever
