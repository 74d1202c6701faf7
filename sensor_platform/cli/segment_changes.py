"""What landing again changes, for people and as JSON; and the refusal to lose readings that nobody agreed to lose."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sensor_platform.errors import CheckFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sensor_platform.landing.integrity.reland_change import SegmentChange

_NAMES = 5
"""Devices or metrics shown of each segment."""


def lines(changes: "Iterable[SegmentChange]") -> list[str]:
    """One line for each segment that changes."""
    return [_line(change) for change in changes if change.is_change]


def as_json(changes: "Iterable[SegmentChange]") -> list[dict[str, Any]]:
    """The segments that change."""
    return [asdict(change) for change in changes if change.is_change]


def refuse_loss(changes: "Sequence[SegmentChange]", command: str) -> None:
    """Refuse where messages would give fewer readings than before.

    Raises:
        CheckFailed: they would; nothing was changed.
    """
    lost = [change for change in changes if change.lost]
    if lost:
        raise CheckFailed(
            f"{sum(change.lost for change in lost)} landed readings of {len(lost)} segments would be lost;"
            " nothing was changed",
            f"see `{command} --dry-run`; correct the contracts, or lose the readings with `--yes`",
        )


def _line(change: "SegmentChange") -> str:
    words = [f"{change.segment}: {change.rows_before} -> {change.rows_after} readings"]
    if change.lost:
        words.append(f"{change.lost} lost")
    for what, gained, lost in (
        ("devices", change.gained_devices, change.lost_devices),
        ("metrics", change.gained_metrics, change.lost_metrics),
    ):
        names = [*(f"+{name}" for name in gained[:_NAMES]), *(f"-{name}" for name in lost[:_NAMES])]
        more = len(gained) + len(lost) - len(names)
        if names:
            words.append(f"{what} {' '.join(names)}{f' and {more} more' if more else ''}")
    return ", ".join(words)
