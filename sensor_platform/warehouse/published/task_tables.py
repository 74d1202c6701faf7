"""Columns of published tables about supervised tasks. The room `predict` fills them, without the warehouse."""

from collections.abc import Mapping

from sensor_platform.warehouse.published.views import Columns

_TIME, _TEXT = "TIMESTAMP", "VARCHAR"

ANSWERS = "supervised_answers"

TASK_TABLES: Mapping[str, Columns] = {
    ANSWERS: (
        ("task", _TEXT),
        ("device_id", _TEXT),
        ("first_at", _TIME),
        ("last_at", _TIME),
        ("answer", _TEXT),
        ("ends_at", _TIME),
        ("most_hours", "DOUBLE"),
        ("cost_of_mistake", "DOUBLE"),
    ),
}
"""Hours of a device, both ends included, whose ground truth is known: `yes` or `no` for an alarm, or the class;
`ends_at` is the hour in which the device failed, for tasks on remaining life, `most_hours` the cap of the target."""
