"""Which snapshots are held: a file that lost half of its rows may be right, and may be a fault."""

from pipeline.stages.snapshot.run_records import Hold

EXPLAINED_SECONDS = 24 * 3600.0
"""A hold that removes explain lasts so long, for a person to look."""


def held(
    rows: int, *, last_rows: int | None, removes: int, before: Hold | None, now_ms: int
) -> Hold | None:
    """Why a snapshot of so many rows is held, if it is.

    `last_rows`: of the last one that the partner ingested, or that an operator approved, None for
    none. `removes`: of members, seen since then. `before`: the hold of the file that this one
    takes the place of; its time goes on.
    """
    was = last_rows or 0
    is_empty, is_halved = rows == 0 and last_rows != 0, rows * 2 < was
    if not is_empty and not is_halved:
        return None
    return Hold(
        cause="empty" if is_empty else "halved",
        is_explained=last_rows is not None and was - rows <= removes,
        since_ms=now_ms if before is None else before.since_ms,
    )


def released_at(hold: Hold) -> int | None:
    """When the file may go without a person; None: never."""
    return hold.since_ms + int(EXPLAINED_SECONDS * 1000) if hold.is_explained else None
