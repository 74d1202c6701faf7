"""Reads a group of records of one shape, column by column, into records, readings and refusals."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sensor_platform.reading.batch import Decoded, MessageBatch, ReadingBlock, TimeLimits
from sensor_platform.reading.contract import Contract
from sensor_platform.reading.fields import FieldReader, Group
from sensor_platform.reading.identity import Identity, identify
from sensor_platform.reading.names import fold
from sensor_platform.reading.plan import RecordPlan, name_error
from sensor_platform.reading.reject_rules import rejected
from sensor_platform.reading.units import conversion, is_same
from sensor_platform.reading.value_kinds import ValueKind
from sensor_platform.reading.values import Column, Refusal, column_of

Texts = Sequence[str | None]


@dataclass(slots=True)
class GroupReader:
    """Reads groups of one batch into `out`. Lives as long as the batch."""

    batch: MessageBatch
    limits: TimeLimits
    out: Decoded
    fields: FieldReader = field(init=False)
    units: dict[str, str] = field(default_factory=dict)
    """Metric to the unit that it is kept in."""
    meanings: dict[str, dict[str, float]] = field(default_factory=dict)
    """Metric to what its texts, in lower case, mean."""
    tag_codes: dict[tuple[tuple[str, str], ...], int] = field(default_factory=lambda: {(): 0})

    def __post_init__(self) -> None:
        self.fields = FieldReader(self.batch)

    def use(self, contract: Contract) -> None:
        """The groups that follow are of this contract."""
        self.units = contract.units
        self.meanings = {
            metric: {text.strip().lower(): number for text, number in numbers.items()}
            for metric, numbers in contract.values.items()
        }

    def read(self, plan: RecordPlan, group: Group) -> None:
        """Every record becomes readings or refusals. Records refused whole are put aside before values are read."""
        who = identify(plan, self.fields, self.limits, group)
        names: Texts = ()
        if plan.is_long:
            names = self.long_names(plan, group)
            _refuse_names(plan, names, who)
        _refuse_incomplete(plan, group, who)
        if who.bad:
            self.out.rejected.extend((group.messages[row], why) for row, why in sorted(who.bad.items()))
            kept = [row for row in range(len(group.messages)) if row not in who.bad]
            names = [names[row] for row in kept] if plan.is_long else ()
            who, group = who.pick(kept), group.pick(kept)
        if not group.messages:
            return
        if plan.is_long:
            self.read_long(plan, group, who, names)
        else:
            self.read_wide(plan, group, who)
        for refused in plan.refused:
            values = group.columns[refused.column]
            why = Refusal(refused.rule, refused.reason)
            rows = [(row, why) for row, value in enumerate(values) if value is not None]
            self.refuse(rows, refused.metric, group, who)

    def read_wide(self, plan: RecordPlan, group: Group, who: Identity) -> None:
        """Every column that no role claims is a metric."""
        base = self.add_records(plan, group, who, ())
        strings = plan.contract.strings
        for metric in plan.metrics:
            raw = group.columns[metric.column]
            if numbers := self.meanings.get(metric.metric):
                raw = self.add_meant(raw, [numbers] * len(raw), metric.metric, group, base)
            column = column_of(raw, strings if metric.takes_text else "text")
            self.add_numbers(column, metric.metric, group, base)
            if column.texts and metric.takes_text:
                self.add_block(column.text_rows, metric.metric, None, column.texts, group, base, ValueKind.TEXT)
            self.refuse(column.refused, metric.metric, group, who)

    def read_long(self, plan: RecordPlan, group: Group, who: Identity, names: Texts) -> None:
        """One reading per record; of the other fields, numbers are metrics of their own and texts become tags."""
        extras = [(extra, column_of(group.columns[extra.column])) for extra in plan.metrics]
        base = self.add_records(plan, group, who, [(e.metric, _spread(c, group)) for e, c in extras if c.texts])
        values = _first_present([group.columns[column] for column in plan.value.columns], len(names))
        nothing = Refusal("no_value", "there is no value")
        missing = [(row, nothing) for row, value in enumerate(values) if value is None] if None in values else []
        if self.meanings:
            values = self.add_meant(values, [self.meanings.get(name or "") for name in names], names, group, base)
        column = column_of(values, plan.contract.strings)
        self.add_numbers(column, names, group, base)
        if column.texts:
            said = [names[r] for r in column.text_rows]
            self.add_block(column.text_rows, said, None, column.texts, group, base, ValueKind.TEXT)
        for row, why in (*column.refused, *missing):
            self.refuse([(row, why)], names[row], group, who)
        for extra, found in extras:
            if extra.takes_numbers:
                self.add_numbers(found, extra.metric, group, base, is_described=False)
            self.refuse(found.refused, extra.metric, group, who)

    def long_names(self, plan: RecordPlan, group: Group) -> Texts:
        """Metric of each record, renamed."""
        names = self.fields.texts(plan.metric, group)
        if not plan.contract.rename:
            return names
        renames = {fold(path): metric for path, metric in plan.contract.rename.items()}
        return [name if name is None else renames.get(fold(name), name) for name in names]

    def add_records(
        self, plan: RecordPlan, group: Group, who: Identity, extra_tags: Sequence[tuple[str, Texts]]
    ) -> int:
        """Append the records; returns the number of the first."""
        records = self.out.records
        base = len(records.message)
        units = self.fields.texts(plan.unit, group, only_text=not plan.is_long)
        records.message.extend(group.messages)
        records.device_id.extend(who.devices)  # type: ignore[arg-type] # records without a device were refused
        records.event_at.extend(who.event_at)
        records.is_device_time.extend(who.is_device_time)
        records.message_id.extend(self.fields.texts(plan.message_id, group))
        records.unit.extend(units)
        records.quality.extend(self.fields.texts(plan.quality, group, only_text=not plan.is_long))
        tags = [(name, self.fields.texts(lookup, group)) for name, lookup in plan.tags]
        if plan.contract.units and (foreign := self.foreign_units(plan, group, units)):
            tags.append(("original_unit", foreign))
        records.tags.extend(self.tag_sets([*tags, *extra_tags], len(group.messages)))
        return base

    def tag_sets(self, tags: Sequence[tuple[str, Texts]], count: int) -> list[int]:
        """Number of the tag set of each record; equal sets share one."""
        if not tags:
            return [0] * count
        names = [name for name, _ in tags]
        codes: list[int] = []
        for values in zip(*(texts for _, texts in tags), strict=True):
            key = tuple((name, value) for name, value in zip(names, values, strict=True) if value is not None)
            code = self.tag_codes.get(key)
            if code is None:
                code = self.tag_codes[key] = len(self.out.tag_sets)
                self.out.tag_sets.append(key)
            codes.append(code)
        return codes

    def add_numbers(
        self, column: Column, metric: str | Texts, group: Group, base: int, *, is_described: bool = True
    ) -> None:
        """Append the numbers of a column, if it has any."""
        if not column.numbers:
            return
        rows = column.number_rows
        names = metric if isinstance(metric, str) else [metric[row] for row in rows]
        if self.units and is_described and self.add_converted(column, names, group, base):
            return
        self.add_block(rows, names, column.numbers, None, group, base, column.number_kinds, is_described=is_described)

    def foreign_units(self, plan: RecordPlan, group: Group, units: Texts) -> Texts | None:
        """The unit of each record where it is not what one of its metrics is kept in; None where all are."""
        wanted: list[tuple[str, ...]]
        if plan.is_long:
            names = self.long_names(plan, group)
            wanted = [(self.units[name],) if name in self.units else () for name in map(str, names)]
        else:
            wanted = [tuple(self.units[m.metric] for m in plan.metrics if m.metric in self.units)] * len(units)
        foreign = [
            unit if unit is not None and any(not is_same(unit, to) for to in targets) else None
            for unit, targets in zip(units, wanted, strict=True)
        ]
        return foreign if any(foreign) else None

    def add_converted(self, column: Column, metric: str | Texts, group: Group, base: int) -> bool:
        """Append the numbers of a column in the units that their metrics are kept in; False where nothing differs."""
        units = self.out.records.unit
        pairs: dict[tuple[str | None, str | None], list[int]] = {}
        for place, row in enumerate(column.number_rows):
            name = metric if isinstance(metric, str) else metric[place]
            pairs.setdefault((units[base + row], self.units.get(name or "")), []).append(place)
        if all(unit is None or to is None or unit == to for unit, to in pairs):
            return False
        kinds = column.number_kinds
        for (unit, to), places in pairs.items():
            found = None if unit is None or to is None else conversion(unit, to)
            is_unknown = unit is not None and to is not None and found is None
            gain, offset = (1.0, 0.0) if found is None else (found.gain, found.offset)
            self.add_block(
                [column.number_rows[place] for place in places],
                metric if isinstance(metric, str) else [metric[place] for place in places],
                array("d", [column.numbers[place] * gain + offset for place in places]),
                None,
                group,
                base,
                kinds if isinstance(kinds, int) else [kinds[place] for place in places],
                unit=to if found is not None else None,
                quality="uncertain" if is_unknown else None,
            )
        return True

    def add_meant(
        self,
        values: Sequence[object],
        meanings: Sequence[Mapping[str, float] | None],
        metric: str | Texts,
        group: Group,
        base: int,
    ) -> list[object]:
        """Append the texts that mean a number, each with its text; returns the column without them."""
        rest, rows, numbers, texts = list(values), [], array("d"), []
        for row, (value, meant) in enumerate(zip(values, meanings, strict=True)):
            if meant and isinstance(value, str) and (number := meant.get(value.strip().lower())) is not None:
                rest[row] = None
                rows.append(row)
                numbers.append(number)
                texts.append(value)
        if rows:
            names = metric if isinstance(metric, str) else [metric[row] for row in rows]
            self.add_block(rows, names, numbers, texts, group, base, ValueKind.TEXT)
        return rest

    def add_block(
        self,
        rows: Sequence[int],
        metric: str | Texts,
        value: "array[float] | None",
        text: Sequence[str] | None,
        group: Group,
        base: int,
        kinds: int | Sequence[int],
        *,
        is_described: bool = True,
        unit: str | None = None,
        quality: str | None = None,
    ) -> None:
        """Append readings and mark their messages as landed."""
        record = range(base, base + len(rows)) if isinstance(rows, range) else [base + row for row in rows]
        self.out.blocks.append(ReadingBlock(record, metric, value, text, kinds, unit, quality, is_described))  # type: ignore[arg-type]
        if group.is_landed:
            return
        has_reading = self.out.has_reading
        for row in rows:
            has_reading[group.messages[row]] = 1
        group.is_landed = len(rows) == len(group.messages)

    def refuse(self, rows: Sequence[tuple[int, Refusal]], metric: str | None, group: Group, who: Identity) -> None:
        """Append refusals of single readings."""
        for row, why in rows:
            reason = f"{metric!r}: {why.reason}" if metric else why.reason
            self.out.rejected.append((group.messages[row], rejected(why.rule, reason, who.devices[row], metric)))


def _refuse_names(plan: RecordPlan, names: Texts, who: Identity) -> None:
    """Refuse records of a long layout whose metric has no name, or none that the contract wants."""
    contract = plan.contract
    known = frozenset(contract.metrics) if contract.unknown_fields != "evolve" else None
    refusals: dict[str | None, tuple[str, str] | None] = {}
    for name in set(names):
        if (wrong := name_error(name or "")) or known is None or name in known:
            refusals[name] = wrong
        else:
            rule = "unknown_field" if contract.unknown_fields == "quarantine" else "no_readings"
            refusals[name] = (rule, f"{name!r} is not in `metrics`")
    if not any(refusals.values()):
        return
    for row, name in enumerate(names):
        if why := refusals[name]:
            who.bad.setdefault(row, rejected(*why, who.devices[row]))


def _refuse_incomplete(plan: RecordPlan, group: Group, who: Identity) -> None:
    """Refuse records that lack a good value of a required metric."""
    columns = {metric.metric: metric.column for metric in plan.metrics}
    for name in plan.required:
        if name not in columns:
            lacking: set[int] = set(range(len(group.messages)))
        else:
            column = column_of(group.columns[columns[name]], plan.contract.strings)
            lacking = set(range(len(group.messages))).difference(column.number_rows, column.text_rows)
        for row in sorted(lacking):
            why = rejected("missing_required_metric", f"{name!r} is missing", who.devices[row], name)
            who.bad.setdefault(row, why)


def _first_present(columns: list[list[object]], count: int) -> list[object]:
    if not columns:
        return [None] * count
    values = columns[0]
    for column in columns[1:]:
        values = [a if a is not None else b for a, b in zip(values, column, strict=True)]
    return values


def _spread(column: Column, group: Group) -> Texts:
    """The texts of a column, one element per record."""
    texts: list[str | None] = [None] * len(group.messages)
    for row, text in zip(column.text_rows, column.texts, strict=True):
        texts[row] = text
    return texts
