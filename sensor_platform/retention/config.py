"""Settings of retention: how long each tier is kept."""

import msgspec

from sensor_platform.errors import WrongUse
from sensor_platform.warehouse.lineage import dbt_tables

_FOR_EVER = 1 << 30


class RetentionConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section `retention` of site.yaml: days after the event or the last arrival, the later one; 0 keeps forever."""

    landing_days: int = 400
    readings_clean_days: int = 30
    readings_10s_days: int = 7
    readings_1m_days: int = 30
    readings_1h_days: int = 366
    """Applies to readings_1h and readings_1h_wide. Daily rows are kept forever."""
    superseded_days: int = 90
    """Days after their issue that forecasts and scores are kept which a revision replaced. The live record of forecasts
    rests on those that were in force (`forecast.record_hours`)."""
    drift_days: int = 400
    """Days after their arrival that `drift` keeps its rows; of more than two million rows the oldest go earlier."""
    alerts_days: int = 400
    """Days after their end that the live store keeps alerts, and after they were made messages that nobody accepted."""

    def days_of(self, table: str) -> int:
        """Days that a table is kept; 0 keeps it forever."""
        known = dbt_tables().get(table)
        return int(getattr(self, known.retention)) if known and known.retention else 0


def check(config: RetentionConfig) -> None:
    """Refuse settings that cannot work.

    Raises:
        WrongUse: a number is negative, or a finer tier would be kept longer than the one that proves it.
    """
    for name in msgspec.structs.asdict(config):
        if getattr(config, name) < 0:
            raise WrongUse(f"site.yaml: retention.{name} is negative", "give days, or 0 to keep forever")
    for name, table in dbt_tables().items():
        proof = table.proved_by
        if proof and (config.days_of(name) or _FOR_EVER) > (config.days_of(proof) or _FOR_EVER):
            raise WrongUse(
                f"site.yaml: retention.{table.retention} is longer than {dbt_tables()[proof].retention}",
                f"{proof} is what a finer table is checked against before it goes; keep it at least as long",
            )
