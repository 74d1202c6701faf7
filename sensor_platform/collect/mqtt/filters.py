"""Checks of topic filters: validity, and overlap (a retained message would arrive once for each filter)."""

from collections.abc import Sequence
from itertools import combinations

from sensor_platform.collect.config import Subscription
from sensor_platform.errors import WrongUse

_MAX_BYTES = 65535


def check_subscriptions(subscriptions: Sequence[Subscription]) -> None:
    """Refuse filters that are invalid, shared or overlapping.

    Raises:
        WrongUse: naming the filter.
    """
    if not subscriptions:
        raise WrongUse("collect.subscriptions is empty", "name at least one topic filter, for instance sensors/#")
    for subscription in subscriptions:
        if reason := why_invalid(subscription.topic):
            raise WrongUse(
                f"collect.subscriptions: {subscription.topic!r} {reason}", "see the MQTT rules for wildcards"
            )
    for one, other in combinations(subscriptions, 2):
        if do_overlap(one.topic, other.topic):
            raise WrongUse(
                f"collect.subscriptions: {one.topic!r} and {other.topic!r} overlap",
                "a message that matches both would arrive twice; keep the wider one, or make them disjoint",
            )


def why_invalid(topic: str) -> str | None:
    """Why a topic filter is invalid, or None."""
    levels = topic.split("/")
    if not topic or "\0" in topic or len(topic.encode("utf-8", "surrogatepass")) > _MAX_BYTES:
        return "is empty, too long or holds a NUL"
    if levels[0] == "$share":
        return "is a shared subscription, which this collector does not offer"
    if "#" in topic and (topic.count("#") > 1 or levels[-1] != "#"):
        return "has a # that is not the whole last level"
    if any("+" in level and level != "+" for level in levels):
        return "has a + that is not a whole level"
    return None


def do_overlap(one: str, other: str) -> bool:
    """True where some topic matches both filters."""
    if one.startswith("$") != other.startswith("$") and (one[:1] in "#+" or other[:1] in "#+"):
        return False  # a wildcard in the first level never matches a topic that starts with $
    return _overlap(one.split("/"), other.split("/"))


def _overlap(one: list[str], other: list[str]) -> bool:
    for left, right in zip(one, other, strict=False):
        if "#" in (left, right):
            return True
        if "+" not in (left, right) and left != right:
            return False
    longer = one[len(other) :] or other[len(one) :]
    if longer == ["#"]:  # "a/#" matches "a" too; but "/#" and "+" have only the empty topic in common
        return min(len(one), len(other)) > 1 or "" not in (one[0], other[0])
    return not longer
