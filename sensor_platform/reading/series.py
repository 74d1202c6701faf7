"""Names of metrics with what tells the series of a device apart: `cpu/cpu0/usage_idle`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sensor_platform.reading.batch import ReadingBlock
from sensor_platform.reading.fields import FieldReader, Group
from sensor_platform.reading.identity import Identity
from sensor_platform.reading.names import MAX_NAME
from sensor_platform.reading.record_plan import RecordPlan
from sensor_platform.reading.reject_rules import rejected

_ESCAPES = str.maketrans({"%": "%25", "/": "%2F", "=": "%3D"})


@dataclass(frozen=True, slots=True)
class _Name:
    """What stands before the name of a metric."""

    before: str
    is_escaped: bool
    """Whether slashes of the metric's own name are escaped, because a part before it is missing."""
    own: str | None = None
    """A metric that the first part names already: it is not repeated."""

    def of(self, metric: str) -> str:
        if metric == self.own:
            return self.before[:-1]
        return f"{self.before}{metric.translate(_ESCAPES) if self.is_escaped else metric}"


@dataclass(frozen=True, slots=True)
class SeriesNames:
    """One element per record of a group."""

    names: Sequence[_Name]

    @classmethod
    def of(cls, plan: RecordPlan, fields: FieldReader, group: Group, metrics: Sequence[str | None]) -> "SeriesNames":
        """The names of a group.

        Args:
            plan: of the group.
            fields: to read its parts.
            group: the records.
            metrics: the metric of each record of a long layout; empty otherwise.
        """
        columns = [(name, fields.texts(lookup, group)) for name, lookup in plan.series]
        known: dict[tuple[object, ...], _Name] = {}
        found: list[_Name] = []
        for row in range(len(group.messages)):
            key = (*(texts[row] for _, texts in columns), metrics[row] if metrics else None)
            if key not in known:
                known[key] = _name([(name, texts[row]) for name, texts in columns], key[-1], plan)
            found.append(known[key])
        return cls(found)

    def pick(self, rows: Sequence[int]) -> "SeriesNames":
        """Only some of the records."""
        return SeriesNames([self.names[row] for row in rows])

    def refuse_long(self, plan: RecordPlan, who: Identity) -> None:
        """Refuse the records one of whose metrics would have a name that is too long."""
        longest = max((metric.metric for metric in plan.metrics), key=len, default="")
        for row, name in enumerate(self.names):
            if len(name.before) + len(longest) <= MAX_NAME // 3:
                continue
            if max(len(name.before) - 1, len(name.of(longest))) > MAX_NAME:
                reason = f"the name of a metric has {len(name.of(longest))} characters with its `series`"
                who.bad.setdefault(row, rejected("name_too_long", reason, who.devices[row]))

    def rename(self, blocks: list[ReadingBlock], first: int, base: int) -> None:
        """Rename the metrics of blocks from `first` on, whose records begin with number `base`."""
        for place in range(first, len(blocks)):
            block = blocks[place]
            metrics = [block.metric] * len(block.record) if isinstance(block.metric, str) else block.metric
            names = [self.names[record - base].of(metric) for record, metric in zip(block.record, metrics, strict=True)]
            one = names[0] if names and names.count(names[0]) == len(names) else None
            blocks[place] = replace(block, metric=one if one is not None else names)


def _name(parts: Sequence[tuple[str | None, str | None]], metric: object, plan: RecordPlan) -> _Name:
    """What stands before a metric: missing parts at the end are left out, others are empty.

    Different parts, or the same in another place, never give the same name.
    """
    if plan.contract.series == "auto":  # the measurement and all tags of line protocol
        texts = [(name or "").translate(_ESCAPES) + ("=" if name else "") + (text or "").translate(_ESCAPES)
                 for name, text in parts if text is not None]  # fmt: skip
        own = str(metric) if metric is not None and parts and metric == parts[0][1] else None
        return _Name("".join(f"{text}/" for text in texts), is_escaped=True, own=own)
    values = [None if text is None else text.translate(_ESCAPES) for _, text in parts]
    while values and values[-1] is None:
        values.pop()
    return _Name("".join(f"{text or ''}/" for text in values), is_escaped=len(values) < len(parts))
