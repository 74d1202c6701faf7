"""A look that goes on from what earlier looks have found clean sees what a look at everything sees."""

import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, HOUR, MINUTE
from sensor_platform.kernel.days import day_of
from sensor_platform.landing.ledger import (
    StateRow,
    copy_state,
    open_ledger,
    read_ledger,
    replace_state,
    slots_between,
)
from sensor_platform.warehouse import dirty
from sensor_platform.warehouse.dirty import DirtyDay, dirty_days
from sensor_platform.warehouse.lineage import models
from sensor_platform.warehouse.staleness import look, marks
from sensor_platform.warehouse.staleness.ledger_evidence import state_copy
from sensor_platform.warehouse.staleness.marks import Mark
from sensor_platform.warehouse.staleness.propagation import Scope
from sensor_platform.warehouse.staleness.staleness import Staleness
from sensor_platform_tests.warehouse.landings import SiteStub

SLOT = 10 * MINUTE
FIRST = 20_000 * DAY
ALL = tuple(models().values())
EVER = (-(1 << 61), 1 << 61)
MODES = {"followed": 10**6, "as it costs": 1, "compared": 0}


@dataclass
class Simulated:
    """A ledger and the copy of a warehouse's state, without the warehouse."""

    home: Home
    position: int = 0
    generation: int = 0
    open: list[int] = field(default_factory=list)

    def run(self, *statements: tuple[str, tuple[object, ...]]) -> None:
        with open_ledger(self.home) as ledger:
            for sql, parameters in statements:
                ledger.execute(sql, parameters)

    def touch(self, slots: list[int]) -> None:
        self.position += 1
        self.run(*(("insert or replace into slots values (?, ?)", (slot, self.position)) for slot in slots))

    def build(self, number: int, count: int, day: int | None) -> None:
        """Some models, of one day or of all."""
        chosen = [ALL[(number + step) % len(ALL)] for step in range(count)]
        chosen = [model for model in ALL if model in chosen]
        with read_ledger(self.home) as ledger:
            assert ledger is not None
            staleness = Staleness.of(ledger, SLOT)
            state = state_copy(ledger, [model.name for model in ALL], *EVER)
            scope = Scope(*EVER) if day is None else Scope(FIRST + day * DAY, FIRST + (day + 1) * DAY)
            work = staleness.windows(chosen, slots_between(ledger, *EVER), state, scope)
        rows = [
            StateRow(name, at, new.generation, new.position) for name, all_ in work.items() for at, new in all_.items()
        ]
        with open_ledger(self.home) as ledger:
            copy_state(ledger, rows)

    def hold(self, slot: int) -> None:
        self.run(("insert or ignore into held_slots values (?, 'f')", (slot,)))

    def restore(self) -> None:
        with read_ledger(self.home) as ledger:
            assert ledger is not None
            held = [slot for (slot,) in ledger.execute("select slot_start from held_slots")]
        self.release()
        self.touch(held)

    def release(self) -> None:
        """Held slots are held no more, and nothing is touched: retention has deleted what the file had."""
        self.run(("delete from held_slots", ()))

    def freeze(self, day: int) -> None:
        self.run(("insert or replace into meta values ('landing_floor', ?)", (str(FIRST + day * DAY),)))

    def renew(self) -> None:
        """Another ledger, whose positions begin anew."""
        self.generation += 1
        self.run(("update meta set value = ? where key = 'generation'", (str(self.generation),)))

    def forget(self) -> None:
        with open_ledger(self.home) as ledger:
            replace_state(ledger)


def at_everything(home: Home) -> tuple[DirtyDay, ...]:
    with (
        patch.object(dirty, "load_mark", lambda *_: None),
        patch.object(dirty, "save_mark", lambda *_: None),
        patch.object(look, "unclean_spans", lambda *_: None),
    ):
        return dirty_days(home, SiteStub())


spread = st.sampled_from([0, 1, 2, 9, 40, 41, 44, 90])
slots = st.builds(lambda day, slot: FIRST + day * DAY + slot * SLOT, spread, st.sampled_from([0, 1, 5, 6, 80, 143]))
steps = st.one_of(
    st.tuples(st.just("touch"), st.lists(slots, min_size=1, max_size=9)),
    st.tuples(st.just("touch"), st.lists(slots, min_size=1, max_size=2)),
    st.tuples(st.just("build"), st.integers(0, len(ALL)), st.just(len(ALL)), st.none()),
    st.tuples(st.just("build"), st.integers(0, len(ALL)), st.integers(1, len(ALL)), st.none() | spread),
    st.tuples(st.just("hold"), slots),
    st.tuples(st.just("restore")),
    st.tuples(st.just("release")),
    st.tuples(st.just("look")),
)
rare = st.one_of(st.tuples(st.just("freeze"), spread), st.tuples(st.just("renew")), st.tuples(st.just("forget")))


@pytest.mark.parametrize("mode", MODES)
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_any_sequence_of_looks_sees_what_a_look_at_everything_sees(mode: str, data: st.DataObject) -> None:
    script = data.draw(st.lists(st.one_of(steps, steps, steps, rare), min_size=3, max_size=16))
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(look, "SLOTS_A_DAY", MODES[mode]),
        patch.object(dirty, "_WORTH_NOTING", data.draw(st.sampled_from([1, 3, 8]))),
    ):
        it = Simulated(Home(Path(folder) / "home"))
        it.touch([FIRST])
        for name, *arguments in [*script, ("look",)]:
            if name != "look":
                getattr(it, name)(*arguments)
            if name in {"look", "build"}:
                assert dirty_days(it.home, SiteStub()) == at_everything(it.home)


@given(script=st.lists(st.one_of(steps, steps, steps, rare), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_a_first_look_compares_only_unclean_days_and_misses_none(script: list[tuple[str, *tuple[object, ...]]]) -> None:
    with tempfile.TemporaryDirectory() as folder, patch.object(dirty, "load_mark", lambda *_: None):
        it = Simulated(Home(Path(folder) / "home"))
        it.touch([FIRST])
        for name, *arguments in [*script, ("look",)]:
            if name != "look":
                getattr(it, name)(*arguments)
            assert dirty_days(it.home, SiteStub()) == at_everything(it.home)


def test_a_first_look_at_what_is_built_compares_no_window(home: Home) -> None:
    it = Simulated(home)
    it.touch([FIRST + day * DAY for day in range(60)])
    it.build(0, len(ALL), None)
    with patch.object(look, "_compared") as compared:
        assert dirty_days(home, SiteStub()) == ()
    compared.assert_not_called()


@pytest.mark.parametrize("release", [Simulated.restore, Simulated.release])
@pytest.mark.parametrize("held", [FIRST, FIRST + DAY - SLOT], ids=["same day", "day before"])
@pytest.mark.parametrize("mode", MODES)
def test_a_slot_that_was_never_built_because_the_one_before_was_held_is_found_when_it_is_held_no_more(
    home: Home, mode: str, held: int, release: Callable[[Simulated], None]
) -> None:
    it = Simulated(home)
    with patch.object(look, "SLOTS_A_DAY", MODES[mode]), patch.object(dirty, "_WORTH_NOTING", 1):
        it.touch([held, held + 5 * DAY])
        it.build(0, len(ALL), None)
        it.hold(held)
        it.touch([held + SLOT])
        it.build(0, len(ALL), None)
        assert dirty_days(home, SiteStub()) == ()  # it waits for the held slot
        release(it)
        found = dirty_days(home, SiteStub())
    assert day_of(held + SLOT) in {one.day for one in found}
    assert found == at_everything(home)


def test_a_day_that_stays_dirty_does_not_keep_others_from_being_noted_as_clean(home: Home) -> None:
    it = Simulated(home)
    it.touch([FIRST + n * SLOT for n in range(40 * 144)])
    it.build(0, len(ALL), None)
    it.touch([FIRST + 3 * DAY])  # this day's run fails from now on
    name = marks.mark_name(ALL)
    for day in range(20, 36):
        it.touch([FIRST + day * DAY + 7 * HOUR])
        it.build(0, len(ALL), day)
        dirty_days(home, SiteStub())
    with read_ledger(home) as ledger:
        assert ledger is not None
        mark = marks.load_mark(ledger, name)
        assert mark is not None
        assert mark.position > 2


@pytest.mark.parametrize("change", [Simulated.forget, Simulated.release, Simulated.renew])
def test_a_mark_of_a_look_that_was_overtaken_does_not_count(home: Home, change: Callable[[Simulated], None]) -> None:
    it = Simulated(home)
    it.touch([FIRST])
    it.hold(FIRST)
    with read_ledger(home) as ledger:
        assert ledger is not None
        epoch = marks.mark_epoch(ledger)
    change(it)  # while a look is on its way
    marks.save_mark(home, "clean.x", epoch, 0, Mark(10))
    with read_ledger(home) as ledger:
        assert ledger is not None
        assert marks.load_mark(ledger, "clean.x") is None


def test_a_look_does_not_wait_for_a_process_that_writes_to_the_ledger(home: Home) -> None:
    it = Simulated(home)
    it.touch([FIRST + day * DAY for day in range(5)])
    it.build(0, len(ALL), None)
    it.touch([FIRST])
    with closing(sqlite3.connect(home.ledger_file, isolation_level=None)) as other:
        other.execute("begin immediate")  # as the rebuild of the ledger, for a minute
        began = time.monotonic()
        found = dirty_days(home, SiteStub())
        assert time.monotonic() - began < 10
        other.execute("rollback")
    assert found
    assert found == at_everything(home)
