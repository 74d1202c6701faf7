"""What retention is told: how long each tier is kept."""

import msgspec

from sensor_platform.errors import WrongUse


class RetentionConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section `retention` of site.yaml: days after the event or the last arrival, the later of them; 0 is for ever."""

    landing_days: int = 400
    readings_clean_days: int = 30
    readings_10s_days: int = 7
    readings_1m_days: int = 30
    readings_1h_days: int = 366
    """And of readings_1h_wide. Daily rows are kept for ever."""

    def days_of(self, table: str) -> int:
        """Days that a table is kept; 0 is for ever."""
        name = {"readings_1h_wide": "readings_1h"}.get(table, table)
        return int(getattr(self, f"{name}_days", 0))


def check(config: RetentionConfig) -> None:
    """Refuse what cannot work.

    Raises:
        WrongUse: a number is negative, or a finer tier would be kept longer than the one that proves it.
    """
    for name in msgspec.structs.asdict(config):
        if getattr(config, name) < 0:
            raise WrongUse(f"site.yaml: retention.{name} is negative", "give days, or 0 for ever")
    hours = config.readings_1h_days or 1 << 30
    for name in ("readings_clean", "readings_10s", "readings_1m"):
        if (config.days_of(name) or 1 << 30) > hours:
            raise WrongUse(
                f"site.yaml: retention.{name}_days is longer than readings_1h_days",
                "hours are what a finer tier is checked against before it goes; keep them at least as long",
            )
