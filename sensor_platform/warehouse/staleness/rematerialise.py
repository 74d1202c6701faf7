"""Which windows must be made again so that a coarser one can be: those that retention has taken away. Pure.

A tier is made from the next finer one, and the finer tiers are kept for days only. When a reading comes late, its hour
is made again from all minutes of that hour, which are made again from landing. Where landing itself is gone the window
is refused: an aggregate is never made again from what is not there.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sensor_platform.kernel.clock import DAY
from sensor_platform.landing.ledger import NO_HORIZON, Horizon
from sensor_platform.warehouse.lineage import SLOTS, Model
from sensor_platform.warehouse.staleness.propagation import Built

Work = dict[str, dict[int, Built]]


@dataclass(slots=True)
class Thawed:
    """A work list that can be done."""

    work: Work
    refused: dict[str, list[int]] = field(default_factory=dict)
    """Windows that cannot be made again, by model: what they are made of is gone."""


def thaw(
    work: Mapping[str, Mapping[int, Built]],
    chosen: Sequence[Model],
    slots: Mapping[int, int],
    state: Mapping[str, Collection[int]],
    trimmed: Mapping[str, Collection[int]],
    slot: int,
    generation: str,
    frozen: Horizon = NO_HORIZON,
) -> Thawed:
    """Add the windows that the work needs and that are no longer there.

    Args:
        work: the windows that are dirty, by model.
        chosen: the models of this build, parents first.
        slots: the ledger's slots that are not frozen; must cover every day of the work.
        state: windows that were ever built, by model.
        trimmed: days (their starts) whose rows retention has taken, by model.
        slot: length of a slot in microseconds.
        generation: the ledger's.
        frozen: slots that cannot be made again.
    """
    made = Thawed({name: dict(windows) for name, windows in work.items()})
    known = {model.name: model for model in chosen}
    for model in reversed(chosen):
        size = model.size(slot)
        if size is None:
            continue
        for window in sorted(made.work.get(model.name, ())):
            for parent in model.parents:
                if parent == SLOTS or window - window % DAY not in trimmed.get(parent, ()):
                    continue
                if parent not in known or _is_gone(window, size, state.get(parent, ()), frozen):
                    made.refused.setdefault(model.name, []).append(window)
                    continue
                for start, position in _windows(known[parent], slots, window, size, slot):
                    made.work.setdefault(parent, {}).setdefault(start, Built(generation, position))
    for name, windows in made.refused.items():
        for window in windows:
            made.work[name].pop(window, None)
    return made


def _windows(parent: Model, slots: Mapping[int, int], window: int, size: int, slot: int) -> Iterable[tuple[int, int]]:
    """The parent's windows within a window that ever had data, with the newest position of each."""
    found: dict[int, int] = {}
    for start in range(window, window + size, slot):
        if start in slots:
            of = parent.floor(start, slot)
            found[of] = max(found.get(of, 0), slots[start])
    return found.items()


def _is_gone(window: int, size: int, state: Collection[int], frozen: Horizon) -> bool:
    """Whether part of the window was built from slots that are frozen now."""
    return frozen.holds(window, window + size) and any(window <= start < window + size for start in state)
