"""Columns of the published tables of alerts. The room `alert` fills them, from what is published."""

from collections.abc import Mapping

from sensor_platform.warehouse.published.views import Columns

_TIME, _TEXT = "TIMESTAMP", "VARCHAR"

ALERT_TABLES: Mapping[str, Columns] = {
    "alerts": (
        ("alert_id", _TEXT),
        ("rule", _TEXT),
        ("device_id", _TEXT),
        ("metric", _TEXT),
        ("severity", _TEXT),
        ("state", _TEXT),
        ("fired_at", _TIME),
        ("noticed_at", _TIME),
        ("resolved_at", _TIME),
        ("resolved_noticed_at", _TIME),
        ("acknowledged_at", _TIME),
        ("acknowledged_by", _TEXT),
        ("value", "DOUBLE"),
        ("limit_text", _TEXT),
        ("suppressed", _TEXT),
        ("label", _TEXT),
        ("note", _TEXT),
    ),
    "alert_events": (
        ("alert_id", _TEXT),
        ("kind", _TEXT),
        ("rule", _TEXT),
        ("device_id", _TEXT),
        ("metric", _TEXT),
        ("severity", _TEXT),
        ("at", _TIME),
        ("noticed_at", _TIME),
        ("value", "DOUBLE"),
        ("limit_text", _TEXT),
        ("suppressed", _TEXT),
        ("by", _TEXT),
    ),
}
"""`limit_text` is the rule's limit in words; `at` and `fired_at` are event times, `noticed_at` arrival."""
