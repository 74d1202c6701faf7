"""Telegraf's data formats as keys of a contract: json, json_v2, influx, value and csv."""

from collections.abc import Callable, Mapping
from typing import Any

from sensor_platform.contracts.telegraf.converted_site import DEVICE_TAGS, MEASUREMENT, Notes, time_of

Table = Mapping[str, Any]
Changes = dict[str, Any]
_QUERY = set("#|@[]{}*?!\\\"'")
"""What makes a GJSON path more than a path."""


def format_changes(plugin: Table, notes: Notes) -> Changes | None:
    """The contract's keys that follow from the data format; None where it is not known."""
    name = plugin.get("data_format", "influx")
    if name not in _FORMATS:
        notes.add("data_format", f"{name!r} is not read; json, json_v2, influx, value and csv are")
        return None
    changes = _FORMATS[name](plugin, notes)
    tags = {str(key): {"constant": str(value)} for key, value in plugin.get("tags", {}).items()}
    if "name_override" in plugin:
        tags[MEASUREMENT] = {"constant": str(plugin["name_override"])}
    changes["tags"] = changes.get("tags", {}) | tags
    dropped = [*plugin.get("fieldexclude", ()), *plugin.get("fielddrop", ())]
    changes["ignore"] = [*changes.get("ignore", ()), *dropped]
    return changes


def _json(plugin: Table, notes: Notes) -> Changes:
    changes: Changes = {"encoding": "json", "tags": {}}
    for key in plugin.get("tag_keys", ()):
        if "*" in key:
            notes.add("tag_keys", f"{key!r}: patterns are not read; name every field under `tags`")
        else:
            changes["tags"][key] = {"field": [key]}
    if "json_name_key" in plugin:
        changes["tags"][MEASUREMENT] = {"field": [plugin["json_name_key"]]}
    if plugin.get("json_string_fields"):
        notes.add("json_string_fields", "all texts are kept, not only these; `ignore` the others")
    else:
        changes["strings"] = "ignore"
    if query := plugin.get("json_query"):
        if set(query) & _QUERY:
            notes.add("json_query", f"{query!r} is more than a path")
        else:
            changes |= {"layout": "samples", "samples": query}
    form, zone = plugin.get("json_time_format"), plugin.get("json_timezone")
    if time := time_of(plugin.get("json_time_key"), form, zone, "json_time_format", notes):
        changes["time"] = time
    return changes


def _json_v2(plugin: Table, notes: Notes) -> Changes:
    changes: Changes = {"encoding": "json", "tags": {}, "rename": {}, "ignore": []}
    parts = plugin.get("json_v2", [])
    if len(parts) > 1:
        notes.add("json_v2", "only the first of several tables is read")
    wanted: list[str] = []
    for part in parts[:1]:
        if path := _path(part.get("measurement_name_path"), "json_v2.measurement_name_path", notes):
            changes["tags"][MEASUREMENT] = {"field": [path]}
        elif "measurement_name" in part:
            changes["tags"][MEASUREMENT] = {"constant": part["measurement_name"]}
        when = _path(part.get("timestamp_path"), "json_v2.timestamp_path", notes)
        form, zone = part.get("timestamp_format"), part.get("timestamp_timezone")
        if time := time_of(when, form, zone, "json_v2.timestamp_format", notes):
            changes["time"] = time
        wanted += _singles(part, changes, notes)
        for thing in part.get("object", ()):
            wanted += _object(thing, changes, notes)
    if wanted:
        changes |= {"metrics": list(dict.fromkeys(wanted)), "unknown_fields": "ignore"}
    return changes


def _singles(part: Table, changes: Changes, notes: Notes) -> list[str]:
    """Tags and fields that are named one by one; returns the metrics."""
    wanted: list[str] = []
    for tag in part.get("tag", ()):
        if path := _path(tag.get("path"), "json_v2.tag", notes):
            changes["tags"][tag.get("rename", _last(path))] = {"field": [path]}
    for field in part.get("field", ()):
        if path := _path(field.get("path"), "json_v2.field", notes):
            metric = field.get("rename", _last(path))
            changes["rename"][path] = metric
            wanted.append(metric)
    return wanted


def _object(thing: Table, changes: Changes, notes: Notes) -> list[str]:
    """One object, or array of objects; returns the metrics that it is limited to."""
    path = _path(thing.get("path"), "json_v2.object", notes)
    if path is None:
        return []
    changes |= {"layout": "samples", "samples": path} if path not in {"", "@this"} else {}
    form, zone = thing.get("timestamp_format"), thing.get("timestamp_timezone")
    if time := time_of(thing.get("timestamp_key"), form, zone, "json_v2.object.timestamp_format", notes):
        changes["time"] = time
    for tag in thing.get("tags", ()):
        changes["tags"][thing.get("renames", {}).get(tag, tag)] = {"field": [tag]}
    renames = {key: name for key, name in thing.get("renames", {}).items() if key not in thing.get("tags", ())}
    changes["rename"] |= renames
    changes["ignore"] += list(thing.get("excluded_keys", ()))
    keys = [key for key in thing.get("included_keys", ()) if key not in thing.get("tags", ())]
    return [renames.get(key, key) for key in keys if key != thing.get("timestamp_key")]


def _path(path: str | None, setting: str, notes: Notes) -> str | None:
    """A path without a query, None otherwise."""
    if path is None:
        return None
    if path != "@this" and set(path) & _QUERY:
        notes.add(setting, f"{path!r} is a query, not a path")
        return None
    return path


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _influx(plugin: Table, notes: Notes) -> Changes:
    precision = {"1ns": "ns", "1us": "us", "1ms": "ms", "1s": "s"}.get(plugin.get("influx_timestamp_precision", "1ns"))
    if precision is None:
        notes.add("influx_timestamp_precision", "only 1ns, 1us, 1ms and 1s are read")
    device = {"field": [f"tags.{name}" for name in DEVICE_TAGS], "topic_level": -1}
    return {"encoding": "influx", "influx": {"precision": precision or "ns"}, "device": device, "series": "auto"}


def _value(plugin: Table, notes: Notes) -> Changes:
    kind = plugin.get("data_type", "integer")
    if kind == "base64":
        notes.add("data_type", "base64 is kept as text")
    return {"encoding": "plain", "strings": "text" if kind in {"string", "base64", "auto_string"} else "number"}


def _csv(plugin: Table, notes: Notes) -> Changes:
    changes: Changes = {"encoding": "csv", "csv": {"separator": plugin.get("csv_delimiter", ",")}, "tags": {}}
    columns = list(plugin.get("csv_column_names", ()))
    headers = plugin.get("csv_header_row_count", 0)
    if headers and columns:
        notes.add("csv_header_row_count", "with column names given, a header line would be read as data")
    if columns:
        changes["csv"]["columns"] = columns
    elif not headers:
        notes.add("csv_column_names", "without names and without a header line the columns have no names")
    for column in plugin.get("csv_tag_columns", ()):
        changes["tags"][column] = {"field": [column]}
    if "csv_measurement_column" in plugin:
        changes["tags"][MEASUREMENT] = {"field": [plugin["csv_measurement_column"]]}
    form, zone = plugin.get("csv_timestamp_format"), plugin.get("csv_timezone")
    if time := time_of(plugin.get("csv_timestamp_column"), form, zone, "csv_timestamp_format", notes):
        changes["time"] = time
    for setting in ("csv_skip_rows", "csv_skip_columns", "csv_comment", "csv_skip_values", "csv_column_types"):
        if plugin.get(setting):
            notes.add(setting, "is not read")
    return changes


_FORMATS: dict[str, Callable[[Table, Notes], Changes]] = {
    "json": _json,
    "json_v2": _json_v2,
    "influx": _influx,
    "value": _value,
    "csv": _csv,
}
