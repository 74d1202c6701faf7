"""Writes the readings of one group to the decoded batch: numbers, converted numbers, texts and rejects."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sensor_platform.reading.batch import Decoded, ReadingBlock
from sensor_platform.reading.contract import Contract
from sensor_platform.reading.fields import Group
from sensor_platform.reading.forms import NumberForm
from sensor_platform.reading.identity import Identity
from sensor_platform.reading.reject_rules import rejected
from sensor_platform.reading.spoken import number_of, without_doubt
from sensor_platform.reading.units import conversion
from sensor_platform.reading.value_kinds import ValueKind
from sensor_platform.reading.values import Column, RejectReason
from sensor_platform.reading.written_numbers import read_number

Texts = Sequence[str | None]


@dataclass(slots=True)
class BlockWriter:
    """Appends to `out` by the contract in use. `base` is the number of the group's first record."""

    out: Decoded
    written: Callable[[float, int], set[str]]
    """How a message writes a number that has more digits than a double: `FieldReader.written`."""
    units: dict[str, str] = field(default_factory=dict)
    """Metric to the unit that it is kept in."""
    meanings: dict[str, dict[str, float]] = field(default_factory=dict)
    """Metric to the numbers that its texts, in lower case, stand for."""
    numbers: NumberForm | None = None
    """How numbers are written in texts."""
    tag_codes: dict[tuple[tuple[str, str], ...], int] = field(default_factory=lambda: {(): 0})

    def use(self, contract: Contract) -> None:
        """Take units and meanings of texts from this contract, for the groups that follow."""
        self.units = contract.units
        self.numbers = contract.numbers if isinstance(contract.numbers, NumberForm) else None
        self.meanings = {
            metric: {text.strip().lower(): number for text, number in numbers.items()}
            for metric, numbers in contract.values.items()
        }

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

    def add_numbers(self, column: Column, metric: str | Texts, group: Group, base: int) -> None:
        """Append the numbers of a column, if it has any."""
        if column.large and not self.units:
            self.add_large(column, metric, group, base)
        if not column.numbers:
            return
        rows = column.number_rows
        names = metric if isinstance(metric, str) else [metric[row] for row in rows]
        if self.units and self.add_converted(column, names, group, base):
            return
        self.add_block(rows, names, column.numbers, None, group, base, column.number_kinds)

    def add_large(
        self, column: Column, metric: str | Texts, group: Group, base: int, *, is_described: bool = True
    ) -> None:
        """Append the numbers that have other digits as doubles, each with its digits as text; removes them."""
        rows: list[int] = []
        texts: list[str] = []
        for row, raw in column.large.items():
            texts_of = {str(raw)} if isinstance(raw, int) else self.written(raw, group.messages[row])
            digits = {text for text in texts_of if text.lstrip("-").isdigit() and int(text) != int(float(text))}
            if len(digits) == 1:
                rows.append(row)
                texts += digits
        if rows:
            numbers = array("d", [float(column.large[row]) for row in rows])
            names = metric if isinstance(metric, str) else [metric[row] for row in rows]
            kind = ValueKind.INTEGER
            self.add_block(rows, names, numbers, texts, group, base, kind, is_described=is_described)
        column.without(set(rows))

    def add_undescribed(self, column: Column, metric: str, group: Group, base: int, uncertain: set[int]) -> None:
        """Append the numbers of an extra field of long messages: unit and quality of the record are not its own.

        Args:
            column: the field.
            metric: its name.
            group: the records.
            base: number of the group's first record.
            uncertain: records that are uncertain as a whole.
        """
        if column.large and not uncertain:
            self.add_large(column, metric, group, base, is_described=False)
        kinds, rows = column.number_kinds, column.number_rows
        if rows and not uncertain.intersection(rows):
            self.add_block(rows, metric, column.numbers, None, group, base, kinds, is_described=False)
            return
        for place, row in enumerate(rows):
            quality = "uncertain" if row in uncertain else None
            kind = kinds if isinstance(kinds, int) else kinds[place]
            value = array("d", [column.numbers[place]])
            self.add_block([row], metric, value, None, group, base, kind, is_described=False, quality=quality)

    def add_converted(self, column: Column, metric: str | Texts, group: Group, base: int) -> bool:
        """Append the numbers of a column in the kept units of their metrics; False if no unit differs."""
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
        """Append the texts that stand for a number, each with its text; returns the column without them."""
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

    def add_spoken(self, values: Sequence[object], metric: str | Texts, group: Group, base: int) -> list[object]:
        """Append the texts that stand for a number by themselves and say more than it, each with its text.

        Returns the column without them, with numbers in place of the other texts that are numbers.
        """
        rest, rows, numbers, texts = list(values), [], array("d"), []
        for row, value in enumerate(values):
            if not isinstance(value, str):
                continue
            if (found := number_of(value)) is None:
                rest[row] = without_doubt(value)
            elif found[1] is None:
                rest[row] = found[0]
            else:
                rest[row] = None
                rows.append(row)
                numbers.append(found[0])
                texts.append(found[1])
        if rows:
            names = metric if isinstance(metric, str) else [metric[row] for row in rows]
            self.add_block(rows, names, numbers, texts, group, base, ValueKind.TEXT)
        return rest

    def add_written(self, values: Sequence[object], metric: str | Texts, group: Group, base: int) -> list[object]:
        """Append the texts that are numbers in the form of the contract, by unit; returns the column without them."""
        form = self.numbers
        assert form is not None
        rest, by_unit = list(values), dict[str | None, list[tuple[int, float]]]()
        for row, value in enumerate(values):
            name = (metric if isinstance(metric, str) else metric[row]) or ""
            is_wanted = isinstance(value, str) and (not form.only or name in form.only)
            if is_wanted and (found := read_number(str(value), form)) is not None:
                rest[row] = None
                by_unit.setdefault(found[1], []).append((row, found[0]))
        for unit, found_rows in by_unit.items():
            rows = [row for row, _ in found_rows]
            names = metric if isinstance(metric, str) else [metric[row] for row in rows]
            if unit is None:
                column = Column(rows, array("d", [number for _, number in found_rows]), ValueKind.FLOAT)
                self.add_numbers(column, metric, group, base)
                continue
            to = self.units.get(names if isinstance(names, str) else names[0] or "")
            known = None if to is None else conversion(unit, to)
            gain, offset = (1.0, 0.0) if known is None else (known.gain, known.offset)
            numbers = array("d", [number * gain + offset for _, number in found_rows])
            is_unknown = to is not None and known is None
            self.add_block(
                rows,
                names,
                numbers,
                None,
                group,
                base,
                ValueKind.FLOAT,
                unit=unit if known is None else to,
                quality="uncertain" if is_unknown else None,
            )
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

    def refuse(self, rows: Sequence[tuple[int, RejectReason]], metric: str | None, group: Group, who: Identity) -> None:
        """Append rejects of single readings."""
        for row, why in rows:
            reason = f"{metric!r}: {why.reason}" if metric else why.reason
            self.out.rejected.append((group.messages[row], rejected(why.rule, reason, who.devices[row], metric)))
