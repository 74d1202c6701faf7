from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.kernel.clock import DAY, HOUR, MINUTE
from sensor_platform.landing.ledger import Horizon
from sensor_platform.warehouse.lineage import SLOTS, Model, looking_back, models
from sensor_platform.warehouse.staleness.propagation import Built, Scope, stale_windows

SLOT = 10 * MINUTE
ALL = list(models().values())
EVERYTHING = Scope(-(10**18), 10**18)
MARTS = [model for model in ALL if model.builder != "publish"]

# Slots on both sides of an hour border, a day border and a week, so that every reach is crossed.
starts = st.sampled_from(
    [0, SLOT, 5 * SLOT, 6 * SLOT, 143 * SLOT, 144 * SLOT, 145 * SLOT, 7 * DAY - SLOT, 7 * DAY, 9 * DAY]
)
slots = st.dictionaries(starts, st.integers(1, 30), min_size=1)


def build(
    evidence: dict[int, int],
    state: dict[str, dict[int, Built]],
    chosen: list[Model] = MARTS,
    scope: Scope = EVERYTHING,
    *,
    everything: bool = False,
    generation: str = "g",
) -> dict[str, dict[int, Built]]:
    """One build that succeeds: returns its work and brings the state up to it."""
    work = stale_windows(chosen, evidence, state, generation=generation, slot=SLOT, scope=scope, everything=everything)
    for name, windows in work.items():
        state.setdefault(name, {}).update(windows)
    return work


def needed(model: Model, window: int, evidence: dict[int, int], spine: dict[str, set[int]]) -> int:
    """By recursion over single windows, as the law says it: the newest position that the window depends on."""
    size = model.size(SLOT)
    found = [0]
    for parent in model.parents:
        found += [
            evidence[start] if parent == SLOTS else needed(models()[parent], start, evidence, spine)
            for start in spine[parent]
            if size is None or window - model.reach(SLOT) <= start < window + size
        ]
    return max(found)


def spine_of(evidence: dict[int, int]) -> dict[str, set[int]]:
    spine: dict[str, set[int]] = {SLOTS: set(evidence)}
    for model in ALL:
        spine[model.name] = {model.floor(start, SLOT) for parent in model.parents for start in spine[parent]}
    return spine


@given(slots)
@settings(deadline=None, max_examples=60)
def test_a_first_build_makes_every_window_from_all_that_it_depends_on(evidence: dict[int, int]) -> None:
    work = build(evidence, {})
    spine = spine_of(evidence)
    for model in MARTS:
        assert set(work[model.name]) == spine[model.name]
        for window, built in work[model.name].items():
            assert built == Built("g", needed(model, window, evidence, spine))


@given(slots, slots)
@settings(deadline=None, max_examples=60)
def test_a_later_build_makes_exactly_the_windows_that_depend_on_what_came(
    before: dict[int, int], touched: dict[int, int]
) -> None:
    state: dict[str, dict[int, Built]] = {}
    build(before, state)
    after = before | {start: 100 + position for start, position in touched.items()}
    work = build(after, state)
    spine, old_spine = spine_of(after), spine_of(before)
    for model in MARTS:
        expected = {
            window
            for window in spine[model.name]
            if window not in old_spine[model.name]
            or needed(model, window, after, spine) > needed(model, window, before, old_spine)
        }
        assert set(work[model.name]) == expected


@given(slots, st.lists(st.sampled_from(MARTS), unique=True), slots)
@settings(deadline=None, max_examples=60)
def test_after_builds_of_any_models_one_more_build_makes_everything_clean(
    before: dict[int, int], some: list[Model], touched: dict[int, int]
) -> None:
    state: dict[str, dict[int, Built]] = {}
    build(before, state)
    after = before | {start: 100 + position for start, position in touched.items()}
    build(after, state, [model for model in MARTS if model in some])
    build(after, state)
    clean: dict[str, dict[int, Built]] = {}
    build(after, clean)
    assert state == clean
    assert not any(build(after, state).values())


@given(slots)
@settings(deadline=None, max_examples=30)
def test_day_by_day_makes_the_same_as_all_at_once(evidence: dict[int, int]) -> None:
    by_day: dict[str, dict[int, Built]] = {}
    for day in range(0, 11 * DAY, DAY):
        build(evidence, by_day, scope=Scope(day, day + DAY))
    at_once: dict[str, dict[int, Built]] = {}
    build(evidence, at_once)
    assert by_day == at_once


def test_a_slot_before_an_hour_and_a_day_border_reaches_over_it() -> None:
    evidence = {143 * SLOT: 1, 144 * SLOT: 1}
    state: dict[str, dict[int, Built]] = {}
    build(evidence, state)
    work = build(evidence | {143 * SLOT: 2}, state)
    assert set(work["readings_clean"]) == {143 * SLOT, 144 * SLOT}
    assert set(work["readings_1h"]) == {23 * HOUR, 24 * HOUR}
    assert set(work["readings_1d"]) == {0, DAY}


def test_features_of_the_week_after_a_late_hour_are_rebuilt_and_no_more() -> None:
    evidence = {hour * HOUR: 1 for hour in (0, 1, 168, 169, 170)}
    state: dict[str, dict[int, Built]] = {}
    build(evidence, state)
    work = build(evidence | {HOUR: 2}, state)
    assert set(work["features"]) == {HOUR, 168 * HOUR, 169 * HOUR}


def test_another_generation_makes_everything_dirty_and_empties_what_is_gone() -> None:
    state: dict[str, dict[int, Built]] = {}
    build({0: 5, SLOT: 6}, state)
    work = build({0: 1}, state, generation="new")
    assert work["readings_clean"] == {0: Built("new", 1), SLOT: Built("new", 1)}
    assert not any(build({0: 1}, state, generation="new").values())


def test_everything_in_the_days_is_rebuilt_without_evidence_and_nothing_outside_them() -> None:
    state: dict[str, dict[int, Built]] = {}
    evidence = {0: 1, DAY: 1, 2 * DAY: 1}
    build(evidence, state)
    work = build(evidence, state, scope=Scope(DAY, 2 * DAY), everything=True)
    assert set(work["readings_clean"]) == {DAY}
    assert set(work["readings_1d"]) == {DAY}


def test_a_day_belongs_to_the_chunk_that_holds_its_last_hour() -> None:
    first = build({0: 1, 20 * HOUR: 1}, {}, scope=Scope(0, 12 * HOUR, with_whole=False))
    assert not first["readings_1d"]
    assert not first["device_status"]
    last = build({0: 1, 20 * HOUR: 1}, {}, scope=Scope(12 * HOUR, DAY))
    assert set(last["readings_1d"]) == {0}


def test_a_slot_after_a_held_one_is_not_made_without_what_it_looks_back_at() -> None:
    evidence = dict.fromkeys(range(0, 12 * SLOT, SLOT), 1)
    horizon = Horizon(held=frozenset({3 * SLOT}))
    chosen = [looking_back(model, 2) for model in MARTS]
    work = stale_windows(
        chosen, evidence, {}, generation="g", slot=SLOT, scope=EVERYTHING, everything=False, horizon=horizon
    )
    made = {start // SLOT for start in work["readings_clean"]}
    assert made == set(range(12)) - {3, 4, 5, 6}
    assert set(work["readings_1h"]) == {0, HOUR}
