"""Masks of the rows that rules take, over tables of readings and of rejects."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from sensor_platform.landing.forget.rule import ForgetRule
from sensor_platform.reading.names import topic_matches


@dataclass(frozen=True, slots=True)
class RuleChoice:
    """Chooses what at least one rule takes."""

    rules: Sequence[ForgetRule]

    @property
    def span(self) -> tuple[int, int]:
        """Event times that a rule can take."""
        spans = [rule.span for rule in self.rules]
        return min((first for first, _ in spans), default=0), max((end for _, end in spans), default=0)

    def landing(self, rows: pl.DataFrame) -> pl.Series:
        """Mask of readings."""
        at = _micros("event_at")
        return _mask(rows, [[*_names(rule, rows), _in_time(rule, at)] for rule in self.rules])

    def quarantine(self, rows: pl.DataFrame) -> pl.Series:
        """Mask of rejects. They have no event time: the receive time counts.

        A rejected message whose device is not known is taken where its topic or payload names the device as a word.
        Rejected messages of a device are taken whenever they come, if its rule has no end: an earlier one that is sent
        again cannot be distinguished from a new one. A refused reading of a message that lands is new.
        """
        return _mask(rows, [[*_names(rule, rows, naming=True), _refused_in_time(rule)] for rule in self.rules])


def _names(rule: ForgetRule, rows: pl.DataFrame, *, naming: bool = False) -> Iterator[pl.Expr]:
    if rule.device is not None:
        is_device = (pl.col("device_id") == rule.device).fill_null(value=False)
        yield is_device | _naming(rule.device, rows) if naming else is_device
    if rule.metric is not None:
        yield pl.col("metric") == rule.metric
    if rule.topic is not None:
        topics = rows["topic"].unique().drop_nulls()
        yield pl.col("topic").is_in([topic for topic in topics if topic_matches(rule.topic, topic)])


def _in_time(rule: ForgetRule, at: pl.Expr) -> pl.Expr:
    first, end = rule.span
    if rule.end is None:
        return (at >= first) & ((at < rule.at) | (_micros("received_at") <= rule.at))
    return (at >= first) & (at < end)


def _refused_in_time(rule: ForgetRule) -> pl.Expr:
    is_in_time = _in_time(rule, _micros("received_at"))
    return is_in_time | (pl.col("scope") == "message") if rule.keeps_rejects_away else is_in_time


def _naming(device: str, rows: pl.DataFrame) -> pl.Series:
    """Which rejected messages without a device name this one."""
    unknown = rows["device_id"].is_null()
    if not unknown.any():
        return unknown
    spellings = {
        device.encode(),
        json.dumps(device)[1:-1].encode(),
        json.dumps(device, ensure_ascii=False)[1:-1].encode(),
    }
    words = [re.compile(rb"(?<![\w-])" + re.escape(word) + rb"(?![\w-])") for word in spellings]
    found = [
        is_unknown and any(word.search(text) for word in words for text in (payload or b"", (topic or "").encode()))
        for is_unknown, payload, topic in zip(unknown, rows["payload"], rows["topic"], strict=True)
    ]
    return pl.Series(found, dtype=pl.Boolean)


def _mask(rows: pl.DataFrame, rules: Sequence[Sequence[pl.Expr]]) -> pl.Series:
    found = pl.repeat(value=False, n=len(rows), dtype=pl.Boolean, eager=True)
    for terms in rules:
        found |= rows.select(pl.all_horizontal(terms).fill_null(value=False).alias("is_taken"))["is_taken"]
    return found


def _micros(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.Datetime("us")).cast(pl.Int64)
