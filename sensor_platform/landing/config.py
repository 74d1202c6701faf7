"""What the lander is told: how far a device's clock may be off, and how long raw messages are kept."""

import msgspec


class LandingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section `landing` of site.yaml."""

    max_future_seconds: int = 3600
    """A reading further ahead of its receive time than this is quarantined."""
    raw_keep_days: int = 7
    """Days that the raw archive is kept."""
    quarantine_hours: int = 24
    """Newest hours of arrival by which the share of quarantined messages is judged,"""
    quarantine_warn_share: float = 0.01
    """amber above this share,"""
    quarantine_fail_share: float = 0.1
    """red above this one."""
