"""Which windows of which models are stale. Pure: the ledger's slots and the state in, windows to rebuild out.

A window is stale when some parent's position within the model's look-back is larger than its own, when it was never
built, or when its generation is not the ledger's. Children are compared with the positions that their parents will have
after this build, so that one invocation carries a change from the ledger to the last table.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

from sensor_platform.landing.ledger import NO_HORIZON, Horizon
from sensor_platform.warehouse.lineage import SLOTS, WHOLE, Model


class Built(NamedTuple):
    """State of one window: the ledger and the position that it was built from. A look makes thousands."""

    generation: str
    position: int


Windows = Mapping[int, Built]
"""Window start (microseconds) to its state."""

StaleWindows = Mapping[str, Mapping[int, Built]]
"""Windows to rebuild, by model, with the state that each has after the build."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which windows a build may touch: those that end in (start, end], in microseconds.

    By their end, so that a day's window falls into the chunk that holds its last hour.
    """

    start: int
    end: int
    with_whole: bool = True
    """Whether tables that are rebuilt as one take part."""

    def holds(self, model: Model, window: int, slot: int) -> bool:
        """True if the window is in scope."""
        size = model.size(slot)
        return self.with_whole if size is None else self.start < window + size <= self.end


def stale_windows(
    models: Sequence[Model],
    slots: Mapping[int, int],
    state: Mapping[str, Windows],
    *,
    generation: str,
    slot: int,
    scope: Scope,
    everything: bool,
    horizon: Horizon = NO_HORIZON,
) -> dict[str, dict[int, Built]]:
    """Windows to rebuild, by model, with the state that each has once it and its parents are built.

    Args:
        models: the models of this build, parents first; other parents count with the state that they have.
        slots: the ledger's slots and the newest position that touched each; must cover the scope and every look-back.
        state: state by model; must cover the scope and every look-back.
        generation: epoch of the ledger.
        slot: length of a slot in microseconds.
        scope: which windows may be rebuilt.
        everything: rebuild every window in scope that ever had data, not only the stale ones.
        horizon: slots that cannot be built again, because landing no longer has their rows.
    """
    expected: dict[str, Windows] = {SLOTS: {start: Built(generation, position) for start, position in slots.items()}}
    expected |= state
    work: dict[str, dict[int, Built]] = {}
    for model in models:
        own = state.get(model.name, {})
        due = _due(model, own, [expected.get(parent, {}) for parent in model.parents], generation, slot, scope)
        due = {window: new for window, new in due.items() if not is_beyond(model, window, slot, horizon)}
        chosen = due if everything else {window: new for window, new in due.items() if _is_stale(own.get(window), new)}
        work[model.name] = chosen
        expected[model.name] = {**own, **chosen}
    return work


def is_beyond(model: Model, window: int, slot: int, horizon: Horizon) -> bool:
    """Whether the window may not be built: it lies below the landing floor, or rows of it or before it are missing.

    They are missing where a landing file is damaged. Only what is made of landed readings looks at them; a coarser
    window is made of what the tables have.
    """
    if model.size(slot) is None:
        return False
    if window < horizon.floor:
        return True
    looks_back = model.reach(slot) if SLOTS in model.parents else 0
    return model.grain == "slot" and not horizon.held.isdisjoint(range(window - looks_back, window + 1, slot))


def _due(
    model: Model, own: Windows, parents: Sequence[Windows], generation: str, slot: int, scope: Scope
) -> dict[int, Built]:
    """Every window in scope that has or had data, with what it would have recorded after a build now."""
    candidates = {model.floor(start, slot) for parent in parents for start in parent}
    candidates.update(window for window, built in own.items() if built.generation != generation)
    in_scope = sorted(window for window in candidates if scope.holds(model, window, slot))
    due = dict.fromkeys(in_scope, Built(generation, 0))
    for parent in parents:
        for window, found in _newest(model, in_scope, parent, slot):
            due[window] = _later(due[window], found)
    return due


def _newest(model: Model, windows: Sequence[int], parent: Windows, slot: int) -> list[tuple[int, Built]]:
    """Map each window to the newest of the parent's windows that it depends on; windows without any are left out.

    The windows ascend, so that a sliding maximum costs as much as the windows and the parent's, whatever the reach.
    """
    starts = sorted(parent)
    if model.grain == "whole":
        return [(WHOLE, merged(parent.values()))] if windows and starts else []
    size, reach = model.size(slot) or 0, model.reach(slot)
    changes = _changes_of_generation([parent[start] for start in starts])
    newest: deque[int] = deque()  # indices of descending positions, the newest of the present range first
    found, low, high = [], 0, 0
    for window in windows:
        while high < len(starts) and starts[high] < window + size:
            while newest and parent[starts[newest[-1]]].position <= parent[starts[high]].position:
                newest.pop()
            newest.append(high)
            high += 1
        while low < high and starts[low] < window - reach:
            low += 1
        while newest and newest[0] < low:
            newest.popleft()
        if low < high:
            generation = parent[starts[low]].generation if changes[low] == changes[high - 1] else ""
            found.append((window, Built(generation, parent[starts[newest[0]]].position)))
    return found


def _changes_of_generation(built: Sequence[Built]) -> list[int]:
    """For each window how often the generation has changed up to it: ranges of one generation have one number."""
    changes = accumulate((one.generation != other.generation for other, one in pairwise(built)), initial=0)
    return list(changes)


def merged(found: Iterable[Built]) -> Built:
    """The newest position of several windows; of no generation unless all are of the same."""
    generation, position = None, 0
    for built in found:
        position = max(position, built.position)
        generation = built.generation if generation in {None, built.generation} else ""
    return Built(generation or "", position)


def _later(due: Built, found: Built) -> Built:
    return Built(due.generation if due.generation == found.generation else "", max(due.position, found.position))


def _is_stale(own: Built | None, new: Built) -> bool:
    return own is None or own.generation != new.generation or own.position < new.position
