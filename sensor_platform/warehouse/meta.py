"""Meta of a dbt model, declared in its `config(meta=...)`: the keys, their types and their defaults.

CONTRIBUTING.md, section "Add a dbt model", explains them to people. `dbt/declared.py` checks them when the project is
parsed, and writes them to `lineage.json`.
"""

from typing import Annotated, Literal

import msgspec

Grain = Literal["slot", "hour", "day", "whole"]
RetentionSetting = Literal["readings_clean_days", "readings_10s_days", "readings_1m_days", "readings_1h_days"]
"""Settings of site.yaml's section `retention` that can limit how long a table is kept."""

_NotNegative = Annotated[int, msgspec.Meta(ge=0)]
_Positive = Annotated[int, msgspec.Meta(gt=0)]


class Freshness(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How old a layer may get before it turns amber (warn) and red (fail), in minutes."""

    warn_minutes: int
    fail_minutes: int


class ModelMeta(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Meta of one table that dbt makes. Only `grain` and `parents` are required."""

    grain: Grain
    """Unit in which the table is replaced; `whole` for a table that is rebuilt as one."""
    parents: tuple[str, ...]
    """Tables that it reads, directly or through views."""
    window_column: str = "window_start"
    """Column that holds the start of the row's window; unused for a table of grain `whole`."""
    reach_hours: _NotNegative = 0
    """Look-back: a window also depends on its parents' windows up to this many hours before its start."""
    reach_slots: _NotNegative = 0
    """Slots that the look-back is longer than `reach_hours`."""
    newest_column: str | None = None
    """Event time of a row's newest reading. Default: `last_at` of a tier, otherwise the window column."""
    late_column: str | None = None
    """Late readings of a row: a count or a boolean. Default: `late_n` of a tier, otherwise none are counted."""
    tier_seconds: _Positive | None = None
    """Seconds that a row spans, for a tier: a table with the columns of the macro `tier_columns`."""
    is_published: bool = True
    """Whether the table is published as Parquet and in analytics.duckdb."""
    has_growing_columns: bool = False
    """Whether data adds columns, so that older published files lack them."""
    freshness: Freshness | None = None
    """Default promise of the layer under `freshness` in site.yaml; without one the layer promises nothing."""
    retention: RetentionSetting | None = None
    """Setting that limits how long days of the table are kept; without one they are kept for ever."""
    proved_by: str | None = None
    """The coarser tier that must hold a day before it is deleted here. Required together with `retention`."""


class DbtTable(ModelMeta, frozen=True, kw_only=True, omit_defaults=True):
    """One table of `lineage.json`: its meta, and what follows from its SQL."""

    views: tuple[str, ...] = ()
    """The dbt views that it is made through, parents first; they hold no rows and no state."""

    @property
    def newest(self) -> str | None:
        """Column with the event time of a row's newest reading; None where a row belongs to no time."""
        window_column = None if self.grain == "whole" else self.window_column
        return self.newest_column or ("last_at" if self.tier_seconds else window_column)

    @property
    def late(self) -> str | None:
        """Column with the late readings of a row; None where they are not counted."""
        return self.late_column or ("late_n" if self.tier_seconds else None)

    @property
    def time_column(self) -> str:
        """The column that dates a row: a tier's windows may be finer than the unit in which it is replaced."""
        return self.newest_column or ("window_start" if self.tier_seconds else self.window_column)
