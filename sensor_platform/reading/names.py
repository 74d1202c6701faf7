"""Names of fields and topics: how they are compared, and MQTT topic filters."""

from collections.abc import Sequence

MAX_NAME = 256
"""Longest device id or metric name, in characters; a longer one is refused, it would be a payload and not a name."""


def fold(name: str) -> str:
    """The form in which field names are compared: regardless of case and underscores (`sensorId`, `SENSOR_ID`)."""
    return name.replace("_", "").lower()


def filter_error(topic_filter: str) -> str | None:
    """What is wrong with an MQTT topic filter, or None."""
    if not topic_filter:
        return "a topic filter must not be empty"
    levels = topic_filter.split("/")
    if any("#" in level and level != "#" for level in levels) or "#" in levels[:-1]:
        return f"in {topic_filter!r} `#` must stand alone at the last level"
    if any("+" in level and level != "+" for level in levels):
        return f"in {topic_filter!r} `+` must stand alone at its level"
    return None


def topic_error(topic: str) -> str | None:
    """What is wrong with a topic to publish to, or None."""
    if not topic or len(topic.encode("utf-8", "surrogatepass")) > 65_535:
        return "a topic has 1 to 65535 bytes"
    if any(each in topic for each in "+#\0"):
        return "a topic has no wildcards and no NUL"
    return None


def below_filter(topic_filters: Sequence[str], topic: str) -> str:
    """The topic without the literal levels with which the first filter that matches begins.

    It is the whole topic where no filter matches, or where nothing would be left.
    """
    found = next((each for each in topic_filters if topic_matches(each, topic)), "#")
    levels = topic.split("/")
    literal = next((at for at, level in enumerate(found.split("/")) if level in {"+", "#"}), len(levels))
    return "/".join(levels[literal:]) or topic


def topic_matches(topic_filter: str, topic: str) -> bool:
    """Whether an MQTT topic filter matches a topic (MQTT 5, section 4.7).

    `a/#` matches `a` too; a wildcard at the first level does not match topics that begin with `$`.
    """
    if topic.startswith("$") and topic_filter[:1] in {"#", "+"}:
        return False
    wanted, levels = topic_filter.split("/"), topic.split("/")
    for at, part in enumerate(wanted):
        if part == "#":
            return True
        if at >= len(levels) or part not in {"+", levels[at]}:
            return False
    return len(wanted) == len(levels)
