"""Which windows of which models must be rebuilt. Pure: evidence and state in, work list out.

A window is dirty when some parent's position within the model's reach is larger than its own, when it was never built,
or when its generation is not the ledger's. Children are judged by the positions that their parents will have after this
build, so that one invocation carries a change from the ledger to the last table.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sensor_platform.landing.ledger import NO_HORIZON, Horizon
from sensor_platform.warehouse.lineage import SLOTS, WHOLE, Model


@dataclass(frozen=True, slots=True)
class Built:
    """What is recorded of one window: which ledger it was built from, and how far."""

    generation: str
    position: int


Windows = Mapping[int, Built]
"""Window start (microseconds) to what is recorded of it."""


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


def work_list(
    models: Sequence[Model],
    slots: Mapping[int, int],
    state: Mapping[str, Windows],
    *,
    generation: str,
    slot: int,
    scope: Scope,
    everything: bool,
    frozen: Horizon = NO_HORIZON,
) -> dict[str, dict[int, Built]]:
    """Windows to rebuild, by model, with what each will have recorded once it and its parents are built.

    Args:
        models: what this build makes, parents first; parents that are not among them count with their state as it is.
        slots: the ledger's slots and the newest position that touched each; must cover the scope and every reach.
        state: what is recorded, by model; must cover the scope and every reach.
        generation: the ledger's.
        slot: length of a slot in microseconds.
        scope: which windows may be rebuilt.
        everything: rebuild every window in scope that ever had data, not only the dirty ones.
        frozen: what nobody may build again, because landing no longer has it.
    """
    expected: dict[str, Windows] = {SLOTS: {start: Built(generation, position) for start, position in slots.items()}}
    expected |= state
    work: dict[str, dict[int, Built]] = {}
    for model in models:
        own = state.get(model.name, {})
        due = _due(model, own, [expected.get(parent, {}) for parent in model.parents], generation, slot, scope)
        due = {window: new for window, new in due.items() if not _is_frozen(model, window, slot, frozen)}
        chosen = due if everything else {window: new for window, new in due.items() if _is_dirty(own.get(window), new)}
        work[model.name] = chosen
        expected[model.name] = {**own, **chosen}
    return work


def _is_frozen(model: Model, window: int, slot: int, frozen: Horizon) -> bool:
    """Whether the window lies below the landing floor, or is a slot whose landing file is damaged."""
    if model.size(slot) is None:
        return False
    return window < frozen.floor or (model.grain == "slot" and window in frozen.held)


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
    """For each window the newest of the parent's windows that it depends on; windows without any are left out."""
    starts = sorted(parent)
    if model.grain == "whole":
        return [(WHOLE, _merge(parent.values()))] if windows and starts else []
    size = model.size(slot) or 0
    found = []
    for window in windows:
        low = bisect_left(starts, window - model.reach(slot))
        high = bisect_left(starts, window + size)
        if low < high:
            found.append((window, _merge(parent[start] for start in starts[low:high])))
    return found


def _merge(found: Iterable[Built]) -> Built:
    """The newest position of several windows; of no generation unless all are of the same."""
    generation, position = None, 0
    for built in found:
        position = max(position, built.position)
        generation = built.generation if generation in {None, built.generation} else ""
    return Built(generation or "", position)


def _later(due: Built, found: Built) -> Built:
    return Built(due.generation if due.generation == found.generation else "", max(due.position, found.position))


def _is_dirty(own: Built | None, new: Built) -> bool:
    return own is None or own.generation != new.generation or own.position < new.position
