"""Which windows a few touched slots make stale, at a cost that follows the slots and not the history. Pure.

It starts from what an earlier look found: windows that depend on no slot touched since are built, or still may not be
built. Then a window is stale if, and only if, it was never built or is older than one of the touched slots that it
depends on. The result is that of `propagation.stale_windows` over everything.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple, Protocol, TypeVar

from sensor_platform.kernel.days import EARLIEST, LATEST
from sensor_platform.landing.ledger import NO_HORIZON, Horizon
from sensor_platform.warehouse.lineage import SLOTS, WHOLE, Model
from sensor_platform.warehouse.staleness.propagation import Built, is_beyond, merged

_EVER = (EARLIEST, LATEST)
_SPARSE = 8
"""Windows further apart than this number of their lengths are read one by one, others as a range."""
_Key = TypeVar("_Key")


class StaleWindow(NamedTuple):
    """A window that must be built. A look makes thousands."""

    new: Built
    """Its state once it and its parents are built."""
    built: Built | None
    """Its present state; None if it was never built."""

    @property
    def is_of_another_ledger(self) -> bool:
        """Whether it is stale whatever is touched, because it was built from another generation of the ledger."""
        return self.built is not None and self.built.generation != self.new.generation


Stale = Mapping[str, Mapping[int, StaleWindow]]
"""Stale windows by model."""


class BuiltState(Protocol):
    """Reads what windows were built from."""

    def between(self, model: str, low: int, high: int) -> Mapping[int, Built]:
        """The built windows of a model, or the slots that can be built (`SLOTS`), that start in [low, high]."""


@dataclass(frozen=True, slots=True)
class TouchedLook:
    """One look at the state."""

    state: BuiltState
    generation: str
    """Epoch of the ledger."""
    slot: int
    """Length of a slot in microseconds."""
    horizon: Horizon = NO_HORIZON
    found: dict[str, dict[int, StaleWindow]] = field(default_factory=dict)
    """Stale windows so far, by model; parents come first."""

    def stale(self, models: Sequence[Model], touched: Mapping[int, int]) -> Stale:
        """Stale windows by model.

        Args:
            models: parents first.
            touched: slots, frozen ones included, with the newest position that touched each.
        """
        new = {SLOTS: {at: position for at, position in touched.items() if not self.horizon.freezes(at)}}
        frozen = [at for at in touched if self.horizon.freezes(at)]
        for model in models:
            if model.grain == "whole":
                self._compare_whole(
                    model, {name: max(new[name].values(), default=-1) for name in model.parents if name in new}
                )
                continue
            reached, known = self._reached(model, new)
            if SLOTS in model.parents:
                for at in frozen:
                    reached.setdefault(model.floor(at, self.slot), -1)
            new[model.name] = self._compare(model, reached, known)
        return self.found

    def stale_whole(self, models: Sequence[Model], newest: Mapping[str, int]) -> Stale:
        """Add the stale ones of the tables that are rebuilt as one, where the others are found already.

        Args:
            models: parents first.
            newest: for each parent that has windows the newest position of any that may have changed.
        """
        for model in models:
            if model.grain == "whole":
                self._compare_whole(model, newest)
        return self.found

    def _reached(self, model: Model, new: Mapping[str, Mapping[int, int]]) -> tuple[dict[int, int], dict[int, Built]]:
        """Windows that depend on what is new, with the newest position of it; and the state of those that look back."""
        size, reach = model.size(self.slot) or 0, model.reach(self.slot)
        found: dict[int, int] = {}
        ranges: dict[tuple[int, int], int] = {}
        for start, position in (item for parent in model.parents for item in new[parent].items()):
            low = start - start % size
            _raise(found, low, position)
            if reach:
                _raise(ranges, (low + size, model.floor(start + reach, self.slot)), position)
        known: dict[int, Built] = {}
        for low, high in _united(ranges):
            known.update(self.state.between(model.name, low, high))
        windows = sorted(known.keys() | found.keys())
        for (low, high), position in ranges.items():
            for window in windows[bisect_left(windows, low) : bisect_right(windows, high)]:
                if found.get(window, -1) < position:
                    found[window] = position
        return found, known

    def _compare(self, model: Model, reached: Mapping[int, int], known: dict[int, Built]) -> dict[int, int]:
        """Find the stale ones of these windows; returns what each will have been built up to."""
        for low, high in _ranges(sorted(reached.keys() - known.keys()), _SPARSE * (model.size(self.slot) or 1)):
            known.update(self.state.between(model.name, low, high))
        stale = self.found.setdefault(model.name, {})
        after: dict[int, int] = {}
        floor, has_held, generation = self.horizon.floor, bool(self.horizon.held), self.generation
        for window, position in reached.items():
            built = known.get(window)
            if (window < floor or has_held) and is_beyond(model, window, self.slot, self.horizon):
                if built is not None:
                    after[window] = built.position
                continue
            if built is not None and built.generation == generation:
                after[window] = position
                if built.position < position:
                    stale[window] = StaleWindow(Built(generation, position), built)
                continue
            exact = self._exact(model, window)
            new = Built(exact.generation, max(position, exact.position))
            after[window] = new.position
            if built is None or _is_behind(built, new):
                stale[window] = StaleWindow(new, built)
        return after

    def _exact(self, model: Model, window: int) -> Built:
        """What a window is made from, by all of its parents' windows."""
        size = model.size(self.slot) or 0
        parts = (self._parts(parent, window - model.reach(self.slot), window + size - 1) for parent in model.parents)
        return merged([Built(self.generation, 0), *(one for part in parts for one in part)])

    def _compare_whole(self, model: Model, newest: Mapping[str, int]) -> None:
        """Compare a whole table with its parents; with those in `newest` only by that, if it is of this ledger."""
        built = self.state.between(model.name, WHOLE, WHOLE).get(WHOLE)
        is_ours = built is not None and built.generation == self.generation
        parts: list[Built] = []
        for parent in model.parents:
            is_known = is_ours and parent in newest
            parts += [Built(self.generation, newest[parent])] if is_known else self._parts(parent, *_EVER)
        new = merged([Built(self.generation, 0), *parts])
        is_stale = bool(parts) if built is None else _is_behind(built, new)
        self.found[model.name] = {WHOLE: StaleWindow(new, built)} if is_stale else {}

    def _parts(self, parent: str, low: int, high: int) -> Collection[Built]:
        """The windows of a parent that start in [low, high], as they will have been built."""
        stale = self.found.get(parent, {}).items()
        windows = {start: one.new for start, one in stale if low <= start <= high}
        return (dict(self.state.between(parent, low, high)) | windows).values()


def _is_behind(built: Built, new: Built) -> bool:
    return built.generation != new.generation or built.position < new.position


def _ranges(windows: Sequence[int], apart: int) -> Iterable[tuple[int, int]]:
    """Ranges, both ends included, that hold all of these ascending windows."""
    edges = [index for index, (before, after) in enumerate(pairwise(windows), 1) if after - before > apart]
    for first, last in pairwise([0, *edges, len(windows)]):
        if first < last:
            yield windows[first], windows[last - 1]


def _united(ranges: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """Disjoint ranges that hold all of these, so that no window is read twice."""
    low, high = 0, -1
    for start, end in sorted(ranges):
        if start <= high:
            high = max(high, end)
            continue
        if low <= high:
            yield low, high
        low, high = start, end
    if low <= high:
        yield low, high


def _raise(found: dict[_Key, int], key: _Key, position: int) -> None:
    found[key] = max(found.get(key, position), position)
