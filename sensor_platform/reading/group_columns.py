"""Columns of a group of records, without what stands for no value, and with what their records say of them."""

from sensor_platform.reading.block_writer import Texts
from sensor_platform.reading.fields import Group
from sensor_platform.reading.identity import Identity
from sensor_platform.reading.record_plan import MetricColumn, RecordPlan
from sensor_platform.reading.values import Column
from sensor_platform.reading.written_numbers import is_sentinel


def without_sentinels(plan: RecordPlan, group: Group) -> tuple[Group, set[int]]:
    """The group with null for values that stand for none, and the rows of long records whose value was one."""
    sentinels = plan.contract.sentinels
    columns, silent = list(group.columns), set[int]()
    for metric in plan.metrics:
        values = columns[metric.column]
        columns[metric.column] = [None if is_sentinel(v, metric.metric, sentinels) else v for v in values]
    if plan.is_long:
        names = columns[plan.metric.columns[0]] if plan.metric.columns else [None] * len(group.messages)
        for column in plan.value.columns:
            rows = {r for r, v in enumerate(columns[column]) if is_sentinel(v, str(names[r]), sentinels)}
            columns[column] = [None if row in rows else value for row, value in enumerate(columns[column])]
            silent |= rows
    return Group(group.messages, columns), silent


def values_of(metric: MetricColumn, group: Group) -> list[object]:
    """The values of a metric's column; of one that a role may be read from, those that the role does not use."""
    values = group.columns[metric.column]
    if not metric.behind:
        return values
    before = [group.columns[column] for column in metric.behind]
    return [
        value if any(column[row] is not None and column[row] != "" for column in before) else None
        for row, value in enumerate(values)
    ]


def with_uncertain(qualities: Texts, who: Identity) -> list[str | None]:
    """The qualities of records, `uncertain` where the record is; what a device calls bad stays bad."""
    return [
        "uncertain" if row in who.uncertain and (quality or "").lower() != "bad" else quality
        for row, quality in enumerate(qualities)
    ]


def first_present(columns: list[list[object]], count: int) -> list[object]:
    """The first value of each of `count` records that some columns have."""
    if not columns:
        return [None] * count
    values = columns[0]
    for column in columns[1:]:
        values = [a if a is not None else b for a, b in zip(values, column, strict=True)]
    return values


def texts_of(column: Column, group: Group) -> Texts:
    """The texts of a column, one element per record."""
    texts: list[str | None] = [None] * len(group.messages)
    for row, text in zip(column.text_rows, column.texts, strict=True):
        texts[row] = text
    return texts
