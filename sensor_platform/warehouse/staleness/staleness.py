"""What one moment of the ledger makes stale, read once: its epoch, newest position and retention horizon."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sensor_platform.kernel.clock import DAY
from sensor_platform.landing.ledger import NO_HORIZON, Horizon, generation, newest_touch, retention_horizon
from sensor_platform.warehouse.lineage import Model
from sensor_platform.warehouse.staleness.propagation import Scope, StaleWindows, Windows, stale_windows
from sensor_platform.warehouse.staleness.rematerialise import with_parents


@dataclass(frozen=True, slots=True)
class Staleness:
    """Decides which windows are stale. Holds no connection, so it can be used after the ledger is closed."""

    slot: int
    """Length of a slot, microseconds."""
    generation: str = ""
    """Epoch of the ledger; empty without a ledger."""
    position: int = 0
    """Newest position that touched a slot."""
    horizon: Horizon = NO_HORIZON

    @classmethod
    def of(cls, ledger: sqlite3.Connection | None, slot: int) -> "Staleness":
        """The present state of the ledger; without one nothing was ever landed."""
        if ledger is None:
            return cls(slot)
        return cls(slot, generation(ledger), newest_touch(ledger), retention_horizon(ledger))

    def span(self, scope: Scope, models: Sequence[Model]) -> tuple[int, int]:
        """[start, end) of the slots and states that decide about a scope: from the longest look-back to its end."""
        return scope.start - DAY - sum(model.reach(self.slot) for model in models), scope.end

    def windows(
        self,
        models: Sequence[Model],
        slots: Mapping[int, int],
        state: Mapping[str, Windows],
        scope: Scope,
        *,
        everything: bool = False,
    ) -> StaleWindows:
        """Windows to rebuild, by model; the arguments are those of `stale_windows`."""
        return stale_windows(
            models,
            slots,
            state,
            generation=self.generation,
            slot=self.slot,
            scope=scope,
            everything=everything,
            horizon=self.horizon,
        )

    def with_parents(
        self,
        work: StaleWindows,
        models: Sequence[Model],
        slots: Mapping[int, int],
        state: Mapping[str, Collection[int]],
        trimmed: Mapping[str, Collection[int]],
    ) -> StaleWindows:
        """The same windows with the deleted parents that they are made from; see `rematerialise.with_parents`."""
        return with_parents(
            work, models, slots, state, trimmed, slot=self.slot, generation=self.generation, horizon=self.horizon
        )
