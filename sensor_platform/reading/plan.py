"""Compiles the plan of one shape of record (its tuple of field names) under a contract. Made once for each shape."""

from collections.abc import Iterator

from sensor_platform.reading.contract import Contract, TimeSource, ValueSource
from sensor_platform.reading.encodings import ENCODINGS
from sensor_platform.reading.encodings.decoders import EXACT_TIME
from sensor_platform.reading.names import MAX_NAME, fold
from sensor_platform.reading.record_plan import Lookup, LookupPart, MetricColumn, RecordKind, RecordPlan, RefusedColumn
from sensor_platform.reading.template import TemplatePart


def make_plan(contract: Contract, keys: tuple[str, ...], kind: RecordKind) -> RecordPlan:
    """Compile the plan of one shape."""
    return _Compiler(contract, keys, kind).plan()


class _Compiler:
    def __init__(self, contract: Contract, keys: tuple[str, ...], kind: RecordKind) -> None:
        self.contract = contract
        self.kind = kind
        self.keys = keys
        self.by_fold: dict[str, list[int]] = {}
        for column, key in enumerate(keys):
            self.by_fold.setdefault(fold(key), []).append(column)
        self.ignored = tuple(fold(path) for path in contract.ignore)
        self.renames = {fold(path): metric for path, metric in contract.rename.items()}
        self.known = frozenset(contract.metrics)
        self.exact = keys.index(EXACT_TIME) if EXACT_TIME in keys else None

    def plan(self) -> RecordPlan:
        contract = self.contract
        metric, value = self.look(contract.metric), self.look(contract.value)
        is_long = contract.layout == "long" or (
            contract.layout in {"auto", "samples"} and metric.is_possible and bool(value.columns)
        )
        tags = tuple((name, self.look(source)) for name, source in contract.tags.items())
        tags += tuple(self.named_tags({name for name, _ in tags}))
        spare = self.spare({name for name, _ in tags})
        metrics, refused = self.columns(is_long=is_long, passed={column for column, _ in spare.values()})
        can_unfold = contract.layout in {"auto", "nested", "samples"} or self.looks_inside()
        unfolds = can_unfold and self.kind is RecordKind.MESSAGE
        return RecordPlan(
            contract=contract,
            width=len(self.keys),
            is_long=is_long,
            device=self.look(contract.device),
            time=self.times(),
            time_parts=self.parts(contract.time.parts),
            exact_time=self.exact,
            message_id=self.look(contract.message_id),
            unit=self.look(contract.unit),
            quality=self.look(contract.quality),
            tags=tags,
            spare=tuple(MetricColumn(column, name, behind=behind) for name, (column, behind) in spare.items()),
            series=tuple(self.series()),
            metric=metric,
            value=value,
            metrics=metrics,
            refused=refused,
            described=tuple(self.described({*(m.column for m in metrics), *(r.column for r in refused)})),
            required=() if self.kind is RecordKind.OUTER else contract.required_metrics,
            samples=next(iter(self.by_fold.get(fold(contract.samples), ())), None)
            if unfolds and contract.layout in {"auto", "samples"}
            else None,
            unfolds=unfolds,
        )

    def named_tags(self, taken: set[str]) -> Iterator[tuple[str, Lookup]]:
        """Members of the object of tags, by their own name."""
        if (path := tags_path(self.contract)) is None:
            return
        for column, key in enumerate(self.keys):
            name = ".".join(key.split(".")[path.count(".") + 1 :])
            if fold(key).startswith(f"{fold(path)}.") and name and name not in taken:
                taken.add(name)
                yield name, Lookup((column,), ValueSource())

    def look(self, source: ValueSource) -> Lookup:
        return Lookup(self.find(source.field), source, self.parts(source.parts))

    def parts(self, parts: tuple[TemplatePart, ...]) -> tuple[LookupPart, ...]:
        """The columns of each part of a template; nothing if one has neither a column nor another place."""
        found = tuple(LookupPart(part, self.find((part.name,)) if part.kind == "field" else ()) for part in parts)
        can_fill = all(each.columns or each.part.kind != "field" or each.part.default is not None for each in found)
        return found if can_fill else ()

    def series(self) -> Iterator[tuple[str | None, Lookup]]:
        """The parts of the series; with `auto` all of line protocol that has no other place."""
        contract = self.contract
        path = ENCODINGS[contract.encoding].tags_in
        if contract.series != "auto" or path is None:
            for source in contract.series_sources.values():
                yield None, self.look(source)
            return
        sources = (contract.device, contract.message_id, contract.metric, *contract.tags.values())
        taken = {fold(name) for source in sources for name in source.fields}
        measurement = f"{path}.measurement"
        yield None, Lookup(self.find((measurement,)), ValueSource())
        for key in sorted(self.keys):
            if key.startswith(f"{path}.") and key != measurement and fold(key) not in taken:
                yield key[len(path) + 1 :], Lookup(self.find((key,)), ValueSource())

    def find(self, fields: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(column for name in fields for column in self.by_fold.get(fold(name), ()))

    def times(self) -> tuple[int, ...]:
        """Columns that may hold the time. Fields that the contract names come before that of the encoding."""
        named = self.find(self.contract.time.field)
        if self.exact is None:
            return named
        is_own = self.contract.time.field != TimeSource().field and "time" not in self.contract.time.field
        return (*named, self.exact) if is_own else (self.exact, *named)

    def spare(self, taken: set[str]) -> dict[str, tuple[int, tuple[int, ...]]]:
        """Name to column and the columns before it, of the fields that a role would take if no other were there."""
        choices = list(self.choices(self.contract.device, self.contract.message_id, *self.contract.tags.values()))
        first = {columns[0] for columns in choices if columns}
        found: dict[str, tuple[int, tuple[int, ...]]] = {}
        for columns in choices:
            for place, column in enumerate(columns):
                name = self.keys[column]
                if column not in first and column != self.exact and name not in taken and not self.is_ignored(name):
                    found.setdefault(name, (column, columns[:place]))
        return found

    def described(self, read: set[int]) -> Iterator[MetricColumn]:
        """Columns of roles that take a text; what is in those of time, metric and value is refused where it is read."""
        contract = self.contract
        sources = (contract.device, contract.message_id, contract.unit, contract.quality, *contract.tags.values())
        passed = {*read, *self.times()[:1], *self.find(contract.metric.field), *self.find(contract.value.field)}
        for column in sorted({column for columns in self.choices(*sources) for column in columns} - passed):
            if column != self.exact and not self.is_ignored(self.keys[column]):
                yield MetricColumn(column, self.keys[column])

    def looks_inside(self) -> bool:
        """Whether the contract looks for something inside one of the fields of this shape."""
        contract = self.contract
        sources = (contract.device, contract.message_id, contract.metric, contract.value, contract.unit)
        parts = (*contract.tags.values(), *contract.series_sources.values())
        named: tuple[ValueSource | TimeSource, ...] = (*sources, contract.quality, *parts, contract.time)
        paths = (fold(name) for source in named for name in source.fields)
        return any("." in path and path.partition(".")[0] in self.by_fold for path in paths)

    def choices(self, *sources: ValueSource) -> Iterator[tuple[int, ...]]:
        """Groups of columns of each of which a role takes the first that has a value."""
        for source in (*sources, *self.contract.series_sources.values()):
            for names in source.choices:
                yield self.find(names)
        for part in self.contract.time.parts:
            yield self.find((part.name,))
        yield self.times()

    def is_ignored(self, key: str) -> bool:
        path = tags_path(self.contract)
        return is_below(fold(key), self.ignored if path is None else (*self.ignored, fold(path)))

    def columns(self, *, is_long: bool, passed: set[int]) -> tuple[tuple[MetricColumn, ...], tuple[RefusedColumn, ...]]:
        """Every field that no role claims, as a metric or as something to refuse."""
        metrics: list[MetricColumn] = []
        refused: list[RefusedColumn] = []
        taken: set[str] = set()
        for column, key, takes_text, behind in self.free(is_long=is_long):
            if column in passed:
                continue
            metric = self.renames.get(fold(key), key)
            if reason := name_error(metric):
                refused.append(RefusedColumn(column, *reason, None))
            elif metric in taken:
                refused.append(RefusedColumn(column, "same_name", f"{key!r} is a second {metric!r}", metric))
            elif metric in self.known or self.contract.unknown_fields == "evolve":
                metrics.append(MetricColumn(column, metric, takes_text, behind=behind))
            elif is_long:
                metrics.append(MetricColumn(column, metric, takes_text, takes_numbers=False, behind=behind))
            elif self.contract.unknown_fields == "quarantine":
                refused.append(RefusedColumn(column, "unknown_field", f"{key!r} is not in `metrics`", metric))
            taken.add(metric)
        return tuple(metrics), tuple(refused)

    def free(self, *, is_long: bool) -> Iterator[tuple[int, str, bool, tuple[int, ...]]]:
        """Column, name, whether its texts count, and the columns that it stands behind in its role.

        A role takes the first of its fields that is there. The others are fields like any other.
        """
        contract = self.contract
        sources = [contract.device, contract.message_id, *contract.tags.values()]
        if is_long:
            sources += [contract.metric, contract.value, contract.unit, contract.quality]
        elif contract.quality.is_stated:
            sources.append(contract.quality)
        behind: dict[int, tuple[int, ...]] = {}
        for columns in self.choices(*sources):
            for place, column in enumerate(columns):
                behind[column] = min(behind.get(column, columns[:place]), columns[:place], key=len)
        described = {fold(name) for name in (*contract.unit.field, *contract.quality.field)}
        for column, key in enumerate(self.keys):
            is_taken = column in behind and not behind[column]
            if not is_taken and column != self.exact and not self.is_ignored(key):
                yield column, key, is_long or fold(key) not in described, behind.get(column, ())


def tags_path(contract: Contract) -> str | None:
    """Path of the object whose members are tags, None where there is none."""
    return contract.tags_in or ENCODINGS[contract.encoding].tags_in


def is_below(folded: str, parents: tuple[str, ...]) -> bool:
    """Whether a folded path is one of `parents` or lies below one."""
    return any(folded == parent or folded.startswith(f"{parent}.") for parent in parents)


def name_error(metric: str) -> tuple[str, str] | None:
    """Rule and reason why a text cannot be the name of a metric, or None."""
    if not metric.strip():
        return "no_metric", "the name of the metric is empty"
    if len(metric) > MAX_NAME:
        return "name_too_long", f"the name of the metric has {len(metric)} characters"
    return None
