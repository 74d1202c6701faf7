"""Back-off: pauses double up to a ceiling, and counting gives the same pauses as asking."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.kernel.backoff import Backoff

BACKOFFS = st.builds(Backoff, st.floats(0.001, 10.0), st.floats(10.0, 1e6))


def test_pauses_double_up_to_a_ceiling_and_start_again_after_a_success() -> None:
    backoff = Backoff(first=1.0, longest=5.0)
    assert [backoff.next() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    backoff.reset()
    assert backoff.next() == 1.0


@given(BACKOFFS, st.integers(1, 100))
def test_counting_and_asking_agree(backoff: Backoff, failures: int) -> None:
    asked = [backoff.after(number) for number in range(1, failures + 1)]
    assert [backoff.next() for _ in range(failures)] == asked
    assert asked == sorted(asked)
    assert asked[0] == backoff.first
    assert all(later in (2 * pause, backoff.longest) for pause, later in pairwise(asked))


@given(BACKOFFS, st.integers(60, 1_000_000))
def test_any_number_of_failures_ends_at_the_ceiling(backoff: Backoff, failures: int) -> None:
    assert backoff.after(failures) == backoff.longest


def test_a_first_pause_beyond_the_ceiling_is_cut_to_it() -> None:
    assert Backoff(60.0, 5.0).next() == 5.0
