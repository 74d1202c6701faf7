"""The order of the rows of a landing file: slot, device, metric, event time, position."""

import polars as pl


def is_in_time_order(by_group: pl.DataFrame) -> bool:
    """Whether rows that are sorted by `group` are also in order of `event_at` and `position` within each group."""
    group, at, position = (pl.col(name) for name in ("group", "event_at", "position"))
    is_later = (at > at.shift(1)) | ((at == at.shift(1)) & (position >= position.shift(1)))
    return bool(by_group.select((group.ne(group.shift(1)) | is_later).all()).item())


def row_order(readings: pl.DataFrame, records: pl.DataFrame, metric_ranks: pl.Series) -> pl.Series:
    """Row numbers of the readings in order of slot, device, metric, event time, position, and row.

    A device's messages nearly always come in order of their time. So the rows are sorted by the first three alone,
    which a stable sort of one number does fast, and by all only where that leaves any out of order.
    """
    record = readings["record"]
    # at most slots x devices x metrics, each counted from 0 and at most as many as there are readings: fits 64 bits
    # unless a segment had a million of each
    slots = records["slot_start"].rank("dense").cast(pl.Int64)
    place = (slots * (records["rank"].max() or 0) + slots + records["rank"]).gather(record)
    keys = pl.DataFrame(
        {
            "group": place * len(metric_ranks) + metric_ranks.gather(readings["metric"]),
            "event_at": records["event_at"].gather(record),
            "position": records["position"].gather(record),
        }
    ).with_row_index("row")
    by_group = keys.sort("group", maintain_order=True)
    if is_in_time_order(by_group):
        return by_group["row"]
    return keys.sort("group", "event_at", "position", "row")["row"]
