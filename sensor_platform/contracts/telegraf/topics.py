"""Telegraf's topic_parsing as sources at levels of the topic."""

from collections.abc import Mapping
from typing import Any

from sensor_platform.contracts.telegraf.converted_site import MEASUREMENT, Notes, known_device

Changes = dict[str, Any]


def levels_of(pattern: str) -> dict[str, int]:
    """Name to level of a pattern like `_/site/_/device`."""
    return {name: level for level, name in enumerate(pattern.split("/")) if name not in {"_", ""}}


def topic_changes(parsing: Mapping[str, Any], changes: Changes, pivot: str | None, notes: Notes) -> Changes:
    """A contract's keys with what one entry of topic_parsing takes from the topic.

    Args:
        parsing: the entry.
        changes: what follows from the data format.
        pivot: tag that processors.pivot makes the name of the field, if any.
        notes: of the plugin.
    """
    tags = levels_of(parsing.get("tags", ""))
    measurement = levels_of(parsing.get("measurement", "")).get("measurement")
    for name, level in levels_of(parsing.get("fields", "")).items():
        notes.add("topic_parsing.fields", f"{name!r} becomes a tag: a part of a topic is not a measured value")
        tags.setdefault(name, level)
    found = {name: {"topic_level": level} for name, level in tags.items() if name != pivot}
    if measurement is not None:
        found.setdefault(MEASUREMENT, {"topic_level": measurement})
    changed = changes | {"tags": changes["tags"] | found}
    if changes["encoding"] == "plain":
        chosen = [level for level in (tags.get(pivot or ""), measurement, -1) if level is not None]
        changed["metric"] = {"topic_level": chosen[0]}
    device = known_device(tags)
    if device is not None:
        changed["device"] = {"topic_level": tags[device]}
        _note_other_names(parsing["topic"], device, tags, pivot, notes)
    elif "device" not in changes:
        changed["device"] = _free_level(parsing["topic"], changed, notes)
    return changed


def _note_other_names(topic: str, device: str, tags: Mapping[str, int], pivot: str | None, notes: Notes) -> None:
    """Say that devices of one name are one device, where other tags of the topic could tell them apart."""
    levels = topic.split("/")
    others = [n for n, at in tags.items() if n not in {device, pivot} and at < len(levels) and levels[at] == "+"]
    if others:
        parts = "/".join(f"{{topic:{tags[name]}}}" for name in [*others, device])
        notes.add(
            "topic_parsing.tags",
            f"the device is {device!r} alone; if {', '.join(map(repr, others))} tells devices of one name apart, state"
            f" `device: {{template: {parts!r}}}`",
        )


def _free_level(topic: str, changed: Changes, notes: Notes) -> Changes:
    """The last level that differs between topics and is not the metric's."""
    levels = topic.split("/")
    taken = changed.get("metric", {}).get("topic_level")
    free = [level for level, name in enumerate(levels) if name in {"+", "#"} and level != taken]
    level = free[-1] if free else -1 if taken is None else next(n for n in reversed(range(len(levels))) if n != taken)
    notes.add("topic_parsing.tags", f"no tag names a device: level {level} of {topic!r} is taken")
    return {"topic_level": level}
