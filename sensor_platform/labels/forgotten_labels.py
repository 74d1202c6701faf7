"""Deletes labels of what is forgotten, with their history."""

from sensor_platform.home import Home
from sensor_platform.kernel.days import filled_span
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.labels.label_store import open_labels


def delete_labels(
    home: Home,
    device: str | None,
    metric: str | None,
    span: tuple[int | None, int | None],
    *,
    is_real: bool = True,
) -> int:
    """Delete every version of labels, or count them; returns their number.

    Args:
        home: the data folder.
        device: None for all.
        metric: None for all; labels of a device as a whole have none and stay.
        span: the labels that begin before the second time and end at the first or later, microseconds.
        is_real: False only counts.
    """
    if not home.labels_file.exists():
        return 0
    condition = "(? is null or device_id = ?) and (? is null or metric = ?) and end_at >= ? and start_at < ?"
    values = (device, device, metric, metric, *filled_span(*span))
    with open_labels(home) as connection:
        connection.execute("pragma secure_delete = on")
        with transaction(connection):
            count = sum(
                int(connection.execute(f"select count(*) from {table} where {condition}", values).fetchone()[0])  # noqa: S608
                for table in ("labels", "superseded")
            )
            for table in ("labels", "superseded") if count and is_real else ():
                connection.execute(f"delete from {table} where {condition}", values)  # noqa: S608 - our own names
        connection.execute("pragma wal_checkpoint(truncate)")
    return count
