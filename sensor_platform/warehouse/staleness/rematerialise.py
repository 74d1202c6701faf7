"""Which parent windows must be materialised again because retention deleted their rows. Pure.

A tier is made from the next finer one, and the finer tiers are kept for days only. When a reading comes late, its hour
is made from all minutes of that hour, which are made again from landing. Where landing itself is gone the window is
left as it is: an aggregate is never recomputed from incomplete rows.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from sensor_platform.kernel.clock import DAY
from sensor_platform.landing.ledger import Horizon
from sensor_platform.warehouse.lineage import SLOTS, Model
from sensor_platform.warehouse.staleness.propagation import Built, StaleWindows, is_beyond


def with_parents(
    work: StaleWindows,
    models: Sequence[Model],
    slots: Mapping[int, int],
    state: Mapping[str, Collection[int]],
    trimmed: Mapping[str, Collection[int]],
    *,
    slot: int,
    generation: str,
    horizon: Horizon,
) -> StaleWindows:
    """Add the parent windows whose rows are gone; leave out windows whose parents cannot be made again.

    Args:
        work: the windows that are stale, by model.
        models: the models of this build, parents first.
        slots: the ledger's slots that can be built; must cover every day of the work.
        state: windows that were ever built, by model.
        trimmed: days (their starts) whose rows retention has deleted, by model.
        slot: length of a slot in microseconds.
        generation: epoch of the ledger.
        horizon: slots that cannot be built again.
    """
    made = {name: dict(windows) for name, windows in work.items()}
    chosen = {model.name: model for model in models}
    reach = max((model.reach(slot) for model in models if SLOTS in model.parents), default=0)
    incomplete = horizon.looking_back(slot, reach)
    for model in reversed(models):
        size = model.size(slot)
        if size is None:
            continue
        for window in sorted(made.get(model.name, ())):
            for parent in model.parents:
                if parent == SLOTS or window - window % DAY not in trimmed.get(parent, ()):
                    continue
                if parent not in chosen or _is_gone(window, size, state.get(parent, ()), incomplete):
                    made[model.name].pop(window, None)
                    continue
                for start, position in _windows(chosen[parent], slots, window, size, slot):
                    if is_beyond(chosen[parent], start, slot, horizon):
                        continue
                    made.setdefault(parent, {}).setdefault(start, Built(generation, position))
    return made


def _windows(parent: Model, slots: Mapping[int, int], window: int, size: int, slot: int) -> Iterable[tuple[int, int]]:
    """The parent's windows within a window that ever had data, with the newest position of each."""
    found: dict[int, int] = {}
    for start in range(window, window + size, slot):
        if start in slots:
            of = parent.floor(start, slot)
            found[of] = max(found.get(of, 0), slots[start])
    return found.items()


def _is_gone(window: int, size: int, state: Collection[int], horizon: Horizon) -> bool:
    """Whether part of the window was built from slots that cannot be built again."""
    return horizon.holds(window, window + size) and any(window <= start < window + size for start in state)
