"""What Python reads from dbt_project.yml, so that it is declared once."""

from functools import cache
from typing import Any

import yaml

from sensor_platform.errors import WrongUse
from sensor_platform.warehouse.lineage import DBT_PROJECT


@cache
def metric_kinds() -> tuple[str, ...]:
    """Kinds that metrics.csv may name: the keys of the dbt variable `metric_kinds`.

    Raises:
        WrongUse: dbt_project.yml cannot be read.
    """
    return tuple(_variable("metric_kinds"))


@cache
def metric_kind_versions() -> dict[str, int]:
    """Version of what the macros of each kind give: the dbt variable `metric_kind_versions`; 1 where it names no kind.

    Raises:
        WrongUse: dbt_project.yml cannot be read.
    """
    return dict.fromkeys(metric_kinds(), 1) | _variable("metric_kind_versions")


def _variable(name: str) -> dict[str, Any]:
    path = DBT_PROJECT / "dbt_project.yml"
    try:
        return dict(yaml.safe_load(path.read_bytes())["vars"][name])
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise WrongUse(f"{path} has no vars.{name}: {error}", "restore it from the release") from error
