"""Reads a group of records of one shape, column by column, into records, readings and rejects."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sensor_platform.reading.batch import RETAINED_TAG, Decoded, MessageBatch, TimeLimits
from sensor_platform.reading.block_writer import BlockWriter, Texts
from sensor_platform.reading.contract import Contract
from sensor_platform.reading.encodings import MessageDecoder, PayloadDecoder
from sensor_platform.reading.fields import FieldReader, Group
from sensor_platform.reading.group_columns import first_present, texts_of, values_of, with_uncertain, without_sentinels
from sensor_platform.reading.identity import Identity, identify
from sensor_platform.reading.names import fold
from sensor_platform.reading.plan import name_error
from sensor_platform.reading.qualities import ORIGINAL_QUALITY, original_words, quality_of, with_booleans
from sensor_platform.reading.record_plan import MetricColumn, RecordPlan
from sensor_platform.reading.reject_rules import rejected
from sensor_platform.reading.series import SeriesNames
from sensor_platform.reading.units import is_same
from sensor_platform.reading.value_kinds import ValueKind
from sensor_platform.reading.values import Column, RejectReason, column_of


@dataclass(slots=True)
class GroupReader:
    """Reads the groups of one batch into `out`."""

    batch: MessageBatch
    limits: TimeLimits
    out: Decoded
    fields: FieldReader = field(init=False)
    writer: BlockWriter = field(init=False)

    def __post_init__(self) -> None:
        self.fields = FieldReader(self.batch)
        self.writer = BlockWriter(self.out, self.fields.written)

    def use(self, contract: Contract, decoder: PayloadDecoder | MessageDecoder) -> None:
        """Read the groups that follow by this contract, whose payloads were decoded by `decoder`."""
        self.fields.literals = decoder.literals if isinstance(decoder, PayloadDecoder) else None
        self.writer.use(contract)

    def read(self, plan: RecordPlan, group: Group) -> None:
        """Turn every record into readings or rejects. Records rejected whole are removed before values are read."""
        silent: set[int] = set()
        if plan.contract.sentinels:
            group, silent = without_sentinels(plan, group)
        who = identify(plan, self.fields, self.limits, group)
        names: Texts = ()
        if plan.is_long:
            names = self.long_names(plan, group)
            _refuse_names(plan, names, who)
        _refuse_incomplete(plan, group, who)
        series = SeriesNames.of(plan, self.fields, group, names) if plan.series else None
        if series is not None:
            series.refuse_long(plan, who)
        if self.fields.unclear:
            self.refuse_unclear(group, who)
        if who.bad:
            self.out.rejected.extend((group.messages[row], why) for row, why in sorted(who.bad.items()))
            kept = [row for row in range(len(group.messages)) if row not in who.bad]
            names = [names[row] for row in kept] if plan.is_long else ()
            who, group = who.pick(kept), group.pick(kept)
            series = series.pick(kept) if series is not None else None
            silent = {place for place, row in enumerate(kept) if row in silent}
        if not group.messages:
            return
        base, block = len(self.out.records.message), len(self.out.blocks)
        if plan.is_long:
            self.read_long(plan, group, who, names, silent)
        else:
            self.read_wide(plan, group, who)
        if series is not None:
            series.rename(self.out.blocks, block, base)
        self.refuse_columns(plan, group, who)

    def refuse_columns(self, plan: RecordPlan, group: Group, who: Identity) -> None:
        """Refuse values of columns that are not to be read, and arrays and objects where a text should be."""
        for refused in plan.refused:
            values = group.columns[refused.column]
            why = RejectReason(refused.rule, refused.reason)
            rows = [(row, why) for row, value in enumerate(values) if value is not None]
            self.writer.refuse(rows, refused.metric, group, who)
        for each in plan.described:
            values = group.columns[each.column]
            if not {list, dict}.isdisjoint(map(type, values)):
                found = [(row, why) for row, why in column_of(values, "text").refused if why.rule == "nested_value"]
                self.writer.refuse(found, each.metric, group, who)

    def refuse_unclear(self, group: Group, who: Identity) -> None:
        """Refuse the records of messages with two ids that nothing distinguishes."""
        for row, message in enumerate(group.messages):
            if message in self.fields.unclear:
                who.bad.setdefault(row, rejected("unclear_id", self.fields.unclear[message]))

    def read_wide(self, plan: RecordPlan, group: Group, who: Identity) -> None:
        """Read every column without a role as a metric."""
        base = self.add_records(plan, group, who, ())
        strings = plan.contract.strings
        for metric in plan.metrics:
            raw = values_of(metric, group)
            if numbers := self.writer.meanings.get(metric.metric):
                raw = self.writer.add_meant(raw, [numbers] * len(raw), metric.metric, group, base)
            if self.writer.numbers is not None and metric.takes_text:
                raw = self.writer.add_written(raw, metric.metric, group, base)
            column = column_of(raw, strings if metric.takes_text else "text")
            if strings == "auto" and column.texts and metric.takes_text:
                column = column_of(self.writer.add_spoken(raw, metric.metric, group, base))
            self.writer.add_numbers(column, metric.metric, group, base)
            if column.texts and metric.takes_text:
                self.writer.add_block(column.text_rows, metric.metric, None, column.texts, group, base, ValueKind.TEXT)
            self.writer.refuse(column.refused, metric.metric, group, who)

    def read_long(self, plan: RecordPlan, group: Group, who: Identity, names: Texts, silent: set[int]) -> None:
        """Read one reading per record; of the other fields, numbers are metrics of their own and texts become tags."""
        extras = [(extra, column_of(values_of(extra, group))) for extra in plan.metrics]
        self.refuse_second_values(extras, group, who, names)
        base = self.add_records(plan, group, who, [(e.metric, texts_of(c, group)) for e, c in extras if c.texts])
        values = first_present([group.columns[column] for column in plan.value.columns], len(names))
        nothing = RejectReason("no_value", "there is no value")
        missing = [(row, nothing) for row, value in enumerate(values) if value is None and row not in silent]
        if missing and plan.quality.is_possible:  # a source that calls a null bad says that it has no value now
            qualities = self.qualities(plan, group)
            missing = [(row, why) for row, why in missing if (qualities[row] or "").lower() != "bad"]
        if self.writer.meanings:
            values = self.writer.add_meant(
                values, [self.writer.meanings.get(name or "") for name in names], names, group, base
            )
        if self.writer.numbers is not None:
            values = self.writer.add_written(values, names, group, base)
        column = column_of(values, plan.contract.strings)
        if plan.contract.strings == "auto" and column.texts:
            column = column_of(self.writer.add_spoken(values, names, group, base))
        self.writer.add_numbers(column, names, group, base)
        if column.texts:
            metrics = [names[row] for row in column.text_rows]
            self.writer.add_block(column.text_rows, metrics, None, column.texts, group, base, ValueKind.TEXT)
        for row, why in (*column.refused, *missing):
            self.writer.refuse([(row, why)], names[row], group, who)
        for extra, found in extras:
            if extra.takes_numbers:
                self.writer.add_undescribed(found, extra.metric, group, base, who.uncertain)
            self.writer.refuse(found.refused, extra.metric, group, who)

    def refuse_second_values(
        self, extras: list[tuple[MetricColumn, Column]], group: Group, who: Identity, names: Texts
    ) -> None:
        """Refuse numbers of other fields of a long message that would be readings of the metric that it names."""
        named = set(names)
        for extra, column in extras:
            if extra.metric not in named or not extra.takes_numbers or not column.numbers:
                continue
            twice = {row for row in column.number_rows if names[row] == extra.metric}
            why = RejectReason("same_name", "the message names this metric for another value")
            self.writer.refuse([(row, why) for row in sorted(twice)], extra.metric, group, who)
            column.without(twice)

    def long_names(self, plan: RecordPlan, group: Group) -> Texts:
        """The metric of each record, renamed by the contract."""
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
        stated = self.stated_qualities(plan, group)
        qualities = _meant(stated, plan)
        records.quality.extend(with_uncertain(qualities, who) if who.uncertain else qualities)
        tags = [(name, self.fields.texts(lookup, group)) for name, lookup in plan.tags]
        if (words := original_words(stated, plan.contract.quality)) is not None:
            tags.append((ORIGINAL_QUALITY, words))
        if plan.contract.units and (foreign := self.foreign_units(plan, group, units)):
            tags.append(("original_unit", foreign))
        if who.unset:
            tags.append(("clock", ["not_set" if row in who.unset else None for row in range(len(group.messages))]))
        tags.extend(extra_tags)
        for spare in plan.spare:
            values = zip(values_of(spare, group), group.messages, strict=True)
            tags.append((spare.metric, [self.fields.name_of(value, message) for value, message in values]))
        if (retained := self.batch.retained) and all(name != RETAINED_TAG for name, _ in tags):
            tags.append((RETAINED_TAG, ["true" if message in retained else None for message in group.messages]))
        records.tags.extend(self.writer.tag_sets(tags, len(group.messages)))
        return base

    def qualities(self, plan: RecordPlan, group: Group) -> Texts:
        """The quality of each record, in the words of the tables where the contract or the value says which it is."""
        return _meant(self.stated_qualities(plan, group), plan)

    def stated_qualities(self, plan: RecordPlan, group: Group) -> Texts:
        """The quality of each record as it was sent."""
        only_text = not plan.is_long and not plan.contract.quality.is_stated
        found = self.fields.texts(plan.quality, group, only_text=only_text)
        if only_text and plan.quality.columns:
            found = with_booleans(found, [group.columns[column] for column in plan.quality.columns])
        return found

    def foreign_units(self, plan: RecordPlan, group: Group, units: Texts) -> Texts | None:
        """The unit of each record that differs from the kept unit of one of its metrics; None if there is none."""
        units_kept = self.writer.units
        wanted: list[tuple[str, ...]]
        if plan.is_long:
            names = self.long_names(plan, group)
            wanted = [(units_kept[name],) if name in units_kept else () for name in map(str, names)]
        else:
            wanted = [tuple(units_kept[m.metric] for m in plan.metrics if m.metric in units_kept)] * len(units)
        foreign = [
            unit if unit is not None and any(not is_same(unit, to) for to in targets) else None
            for unit, targets in zip(units, wanted, strict=True)
        ]
        return foreign if any(foreign) else None


def _refuse_names(plan: RecordPlan, names: Texts, who: Identity) -> None:
    """Reject records of a long layout whose metric has no name, or a name that the contract does not accept."""
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
    """Reject records without a good value of a required metric."""
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


def _meant(texts: Texts, plan: RecordPlan) -> Texts:
    """Qualities in the words of the tables."""
    return [quality_of(text, plan.contract.quality) for text in texts] if any(texts) else texts
