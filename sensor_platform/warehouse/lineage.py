"""What depends on what: every table of the warehouse, its parents, the grain of its windows and its reach.

Declared here once. The dbt models repeat grain and parents in their `meta`, and a test holds both equal. Times are
integers, microseconds since the epoch, UTC; a window is named by its start.
"""

from dataclasses import dataclass, replace
from typing import Literal

Grain = Literal["slot", "hour", "day", "whole"]
Builder = Literal["dbt", "python", "catalog", "publish"]

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

SLOTS = "slots"
"""The ledger's slots, the one source: which slots of event time were touched, and by which position."""

WHOLE = 0
"""Window start of tables that are rebuilt as one."""


@dataclass(frozen=True, slots=True)
class Model:
    """One table (or one published table) and how change reaches it."""

    name: str
    parents: tuple[str, ...]
    grain: Grain
    """Unit that is replaced, and of which the state is kept."""
    reach_hours: int = 0
    """A window depends on its parents' windows up to this far before its start,"""
    reach_slots: int = 0
    """or up to this many slots."""
    builder: Builder = "dbt"
    window_column: str = "window_start"
    """Column of the table that holds the start of the window; of no meaning for a whole table."""

    def reach(self, slot: int) -> int:
        """Microseconds before the window's start that its result depends on."""
        return self.reach_hours * HOUR + self.reach_slots * slot

    def floor(self, at: int, slot: int) -> int:
        """Start of the window that holds the instant `at`."""
        size = self.size(slot)
        return WHOLE if size is None else at - at % size

    def size(self, slot: int) -> int | None:
        """Length of a window in microseconds; None for one that is everything."""
        return {"slot": slot, "hour": HOUR, "day": DAY, "whole": None}[self.grain]


CATALOG_TABLES = ("catalog_site", "catalog_devices", "catalog_metrics", "catalog_calibration")
"""What the site says of itself, as the warehouse was last built with it."""

PUBLISHED_PREFIX = "published."

_TABLES = (
    Model("readings_clean", (SLOTS,), "slot", reach_slots=1, window_column="slot_start"),
    Model("readings_10s", ("readings_clean",), "slot", window_column="slot_start"),
    Model("readings_1m", ("readings_10s",), "slot", window_column="slot_start"),
    Model("readings_1h", ("readings_1m",), "hour"),
    Model("readings_1h_wide", ("readings_1h",), "hour"),
    Model("readings_1d", ("readings_1h",), "day"),
    Model("device_status", ("readings_1d",), "whole"),
    Model("features", ("readings_1h",), "hour", reach_hours=168, builder="python"),
    Model("predictions", ("features",), "hour", builder="python", window_column="issued_at"),
    Model("predictions_superseded", ("predictions",), "hour", builder="python", window_column="issued_at"),
    Model("supervised_scores", ("features",), "hour", builder="python"),
    Model("supervised_superseded", ("supervised_scores",), "hour", builder="python"),
    Model("anomalies", ("readings_1h",), "hour", reach_hours=35 * 24, builder="python"),
    *(Model(name, (), "whole", builder="catalog") for name in CATALOG_TABLES),
)

VIEWS = {"readings_clean": ("stg_readings", "int_readings_deduped", "int_readings_judged")}
"""The dbt views that a table is made through; they hold no rows and no state."""

LARGE = frozenset({"readings_clean", "readings_10s", "readings_1m"})
"""Tables published in the pieces that `warehouse.large_piece` names; the others in days."""

NOT_PUBLISHED = frozenset({"features"})

SAID = ("predictions", "predictions_superseded", "supervised_scores", "supervised_superseded")
"""What models said and when cannot be computed again: a new warehouse file takes it from the published pieces."""

WRITTEN_WITH = {"predictions_superseded": "predictions", "supervised_superseded": "supervised_scores"}
"""Tables that have no asset of their own: whoever makes the other one writes them too."""


def published(table: str) -> str:
    """Name in the state of the published copy of a table."""
    return PUBLISHED_PREFIX + table


def models(large_piece: Grain = "hour", lookback_slots: int = 0) -> dict[str, Model]:
    """Every model by name, parents before children.

    Args:
        large_piece: the site's `warehouse.large_piece`.
        lookback_slots: slots that rules of the catalog look back, beside the one that repeats may come from.
    """
    known = {model.name: looking_back(model, lookback_slots) for model in _TABLES}
    for table in _TABLES:
        if table.name not in NOT_PUBLISHED:
            grain: Grain = large_piece if table.name in LARGE else "whole" if table.grain == "whole" else "day"
            name = published(table.name)
            known[name] = Model(name, (table.name,), grain, builder="publish", window_column=table.window_column)
    return known


def looking_back(model: Model, slots: int) -> Model:
    """The model with the reach that the catalog's rules give it. A reading looked back at may be a repeat itself."""
    return replace(model, reach_slots=model.reach_slots + slots) if model.name == "readings_clean" else model


def dbt_models() -> tuple[str, ...]:
    """Names of the tables that dbt builds, parents first."""
    return tuple(model.name for model in _TABLES if model.builder == "dbt")
