"""What the meta of a dbt model must fulfil beyond the types of its keys. A rule refuses with the key and an example."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from sensor_platform.errors import WrongUse
from sensor_platform.warehouse.lineage import PYTHON_TABLES, READINGS, SLOTS
from sensor_platform.warehouse.meta import DbtTable

_EXAMPLES = {
    "grain": "'day'",
    "parents": "['readings_1h']",
    "window_column": "'slot_start'",
    "reach_hours": "168",
    "reach_slots": "1",
    "tier_seconds": "3600",
    "newest_column": "'last_at'",
    "late_column": "'late_n'",
    "is_published": "false",
    "has_growing_columns": "true",
    "freshness": "{'warn_minutes': 120, 'fail_minutes': 180}",
    "retention": "'readings_1h_days'",
    "proved_by": "'readings_1h'",
}
_ORDER = ("slot", "hour", "day", "whole")


@dataclass(frozen=True, slots=True)
class Declared:
    """One model: what it declares, and what dbt found in its SQL."""

    name: str
    table: DbtTable
    read: frozenset[str]
    """Tables that its SQL reads, directly or through views; `slots` for the landed readings."""
    materialized: str
    path: str
    """Relative to the dbt project."""


Models = Mapping[str, Declared]


def refuse(model: str, key: str, reason: str) -> NoReturn:
    """Refuse the meta of a model because of one key."""
    example = f", for instance config(meta={{'{key}': {_EXAMPLES[key]}, ...}})" if key in _EXAMPLES else ""
    raise WrongUse(
        f"dbt model {model}: meta key `{key}`: {reason}",
        f"correct it in the model's SQL file{example}; CONTRIBUTING.md lists the keys under 'Add a dbt model'",
    )


def _has_a_free_name(model: Declared, models: Models) -> None:  # noqa: ARG001
    if model.name in {other.name for other in PYTHON_TABLES}:
        raise WrongUse(f"dbt model {model.name}: Python makes a table of that name", "choose another name")


def _records_its_state(model: Declared, models: Models) -> None:  # noqa: ARG001
    if not model.path.startswith("models/marts/"):
        raise WrongUse(
            f"dbt model {model.name}: {model.path} is a table outside of models/marts",
            "move it there: only tables in models/marts record what they were built from; other models are views",
        )


def _is_materialized_by_its_grain(model: Declared, models: Models) -> None:  # noqa: ARG001
    wanted = "table" if model.table.grain == "whole" else "incremental"
    if model.materialized != wanted:
        grain, is_whole = model.table.grain, wanted == "table"
        remedy = "add materialized='table' to its config" if is_whole else "remove `materialized` from its config"
        raise WrongUse(f"dbt model {model.name}: grain '{grain}' needs materialized='{wanted}'", remedy)


def _declares_what_it_reads(model: Declared, models: Models) -> None:  # noqa: ARG001
    if (SLOTS in model.read) != (model.name == READINGS):
        refuse(model.name, "parents", f"only {READINGS} reads the landed readings; read it, or a table made of it")
    found = model.read - {SLOTS}
    if set(model.table.parents) != found:
        refuse(model.name, "parents", f"it is {list(model.table.parents)}, but the SQL reads {sorted(found)}")


def _has_parents_of_its_grain_or_finer(model: Declared, models: Models) -> None:
    for parent in model.table.parents:
        grain = models[parent].table.grain
        if _ORDER.index(grain) > _ORDER.index(model.table.grain):
            refuse(model.name, "grain", f"it is '{model.table.grain}', finer than '{grain}' of the parent {parent}")


def _has_windows_where_it_needs_them(model: Declared, models: Models) -> None:  # noqa: ARG001
    table = model.table
    if table.grain == "whole":
        for key in ("reach_hours", "reach_slots", "tier_seconds", "retention", "proved_by"):
            if getattr(table, key):
                refuse(model.name, key, "a table of grain 'whole' has no windows; remove the key")


def _is_proved_by_a_tier(model: Declared, models: Models) -> None:
    table = model.table
    if (table.retention is None) != (table.proved_by is None):
        refuse(model.name, "proved_by" if table.retention else "retention", "`retention` and `proved_by` go together")
    if table.proved_by is None:
        return
    if not table.is_published:
        refuse(model.name, "retention", "days of a table that is not published are never deleted; remove the key")
    proof = models.get(table.proved_by)
    if proof is None or not proof.table.tier_seconds or proof.table.grain not in {"hour", "day"}:
        refuse(model.name, "proved_by", f"{table.proved_by} is not a tier of grain 'hour' or 'day'")


RULES = (
    _has_a_free_name,
    _records_its_state,
    _is_materialized_by_its_grain,
    _declares_what_it_reads,
    _has_parents_of_its_grain_or_finer,
    _has_windows_where_it_needs_them,
    _is_proved_by_a_tier,
)
