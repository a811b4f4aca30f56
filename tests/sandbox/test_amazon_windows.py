from itertools import accumulate

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.sandbox.amazon_ads.windows import ArrivalWindow

LENGTH = 10.0
arrivals = st.lists(
    st.tuples(
        # Quarters are exact in binary, so that an arrival can stand right on a window's edge.
        st.integers(0, 60).map(lambda quarters: quarters / 4),
        st.integers(1, 100),
    ),
    max_size=40,
)


def brute_force(times: list[float], counts: list[int], now: float) -> int:
    return sum(
        count for time, count in zip(times, counts, strict=True) if now - LENGTH < time <= now
    )


@given(arrivals)
@example([(0.0, 5), (10.0, 7)])
@example([(0.0, 5), (9.75, 7)])
def test_every_window_is_counted_exactly(gaps: list[tuple[float, int]]) -> None:
    """
    After each arrival the window holds what a count over all arrivals finds, and the largest
    is the largest of all of them.
    """
    times = list(accumulate(gap for gap, _ in gaps))
    counts = [count for _, count in gaps]
    window = ArrivalWindow(LENGTH)

    held = [window.add(count, time) for time, count in zip(times, counts, strict=True)]

    expected = [
        brute_force(times[: place + 1], counts[: place + 1], time)
        for place, time in enumerate(times)
    ]
    assert expected == held
    assert max(expected, default=0) == window.largest
    assert sum(counts) == window.total


@given(arrivals, st.integers(0, 80))
def test_the_current_window_is_exact_between_arrivals_too(
    gaps: list[tuple[float, int]], later: int
) -> None:
    times = list(accumulate(gap for gap, _ in gaps))
    counts = [count for _, count in gaps]
    window = ArrivalWindow(LENGTH)
    for time, count in zip(times, counts, strict=True):
        window.add(count, time)
    now = (times[-1] if times else 0.0) + later / 4

    assert brute_force(times, counts, now) == window.current(now)
