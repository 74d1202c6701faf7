"""What Python reads from dbt_project.yml, so that it is declared once."""

from functools import cache

import yaml

from sensor_platform.errors import WrongUse
from sensor_platform.warehouse.lineage import DBT_PROJECT


@cache
def metric_kinds() -> tuple[str, ...]:
    """Kinds that metrics.csv may name: the keys of the dbt variable `metric_kinds`.

    Raises:
        WrongUse: dbt_project.yml cannot be read.
    """
    path = DBT_PROJECT / "dbt_project.yml"
    try:
        return tuple(yaml.safe_load(path.read_bytes())["vars"]["metric_kinds"])
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise WrongUse(f"{path} has no vars.metric_kinds: {error}", "restore it from the release") from error
