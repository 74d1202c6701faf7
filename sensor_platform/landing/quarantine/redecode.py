"""Decodes messages of the quarantine again, by the contracts in force and with their own receive times.

A message is decoded as a whole, and what it gave before is replaced by what it gives now: its readings are found by
segment and position, under whatever device, metric or unit they had landed.
"""

from collections import Counter
from dataclasses import dataclass

import polars as pl

from sensor_platform.kernel.clock import HOUR
from sensor_platform.landing.files.landing_table import LANDING_COLUMNS, LandingTable
from sensor_platform.landing.forget.decoded import DecodedRows, Forgotten, without_forgotten
from sensor_platform.landing.forget.masks import RuleChoice
from sensor_platform.landing.forget.standing import standing_rules
from sensor_platform.landing.integrity.shared_files import RowFiles
from sensor_platform.landing.ledger.device_counts import negative, summed
from sensor_platform.landing.ledger.manifest import DeviceCounts, Manifest
from sensor_platform.landing.outcomes import OutcomeCounts
from sensor_platform.landing.quarantine.recount import counted, counted_rejects, counted_whole
from sensor_platform.landing.record_batches import SegmentBatch
from sensor_platform.landing.rejects import RejectRows
from sensor_platform.reading.batch import MessageBatch
from sensor_platform.reading.decode import Decoder

_COLUMNS = [name for name in LANDING_COLUMNS if name != "slot_start"]
_COMPARED = [name for name in _COLUMNS if name != "is_suspect"]
_NONE_KNOWN = {"position": pl.Int64, "is_suspect": pl.Boolean, "device_id": pl.String, "file": pl.String}


@dataclass(frozen=True, slots=True)
class Redecoded:
    """Result of decoding some messages of one segment again."""

    positions: pl.Series
    """The messages."""
    readings: pl.DataFrame
    """All that they give now: landing columns and `slot_start`, sorted."""
    known: pl.DataFrame
    """All that they had given: landing columns, and `file`, relative to home."""
    refused: pl.DataFrame
    """Rows of the quarantine that remain, with their present reasons."""
    landed: pl.DataFrame
    """Messages that were quarantined whole and land now: position and new device_id."""
    counts: tuple[DeviceCounts, ...]
    """Differences of the counts."""
    added: pl.DataFrame
    """Readings to write, as in `readings`: those that had not landed, and all of messages in `removed`."""
    removed: pl.DataFrame
    """All landed readings, as in `known`, of the messages that had given something which they do not give now."""

    @property
    def is_change(self) -> bool:
        """Whether any reading changes."""
        return bool(len(self.added) or len(self.removed))


def redecode(files: RowFiles, manifest: Manifest, rows: pl.DataFrame, decoder: Decoder, slot: int) -> Redecoded:
    """Decode the messages of some rows, which are of one segment.

    Args:
        files: finds which readings of a message have landed before.
        manifest: of the segment, with all that was requeued of it.
        rows: rows of one quarantine file, in the columns of today.
        decoder: of the contracts in force.
        slot: microseconds.
    """
    known = _known(files, manifest, rows["position"].unique())
    rows = rows.filter(~_is_unreadable(rows, known, decoder))
    known = known.filter(pl.col("position").is_in(rows["position"].implode()))
    messages = rows.unique("position", keep="first").sort("position")
    positions = messages["position"]
    batch = _batch(messages, set(known.filter(pl.col("is_suspect"))["position"].to_list()))
    decoded = decoder.decode(batch.messages)
    found = LandingTable(manifest.segment)
    devices = found.device_numbers(decoded)
    found.add(batch, decoded, devices)
    rejects, outcomes = RejectRows(), OutcomeCounts(found.devices, owners=[])
    outcomes.add(batch, decoded, devices, rejects.add(manifest.segment, batch, decoded))
    left = _without_forgotten(files, found.table(slot), rejects.table(), outcomes)
    readings = _placed(left.readings, positions)
    of_message = positions.gather(pl.Series(decoded.records.message, dtype=pl.UInt32))
    owners = pl.DataFrame({"position": of_message, "device_id": pl.Series(decoded.records.device_id, dtype=pl.String)})
    owners = owners.unique("position", keep="first", maintain_order=True)
    whole = rows.filter(pl.col("scope") == "message")["position"]
    is_landed = pl.col("position").is_in(whole.implode()) & pl.col("position").is_in(readings["position"].implode())
    before = [*counted_rejects(rows), *counted_whole(rows), *_counted_landed(known, messages, owners)]
    changed = _minus(known, readings)["position"].unique().implode()
    is_changed = pl.col("position").is_in(changed)
    added = pl.concat([readings.filter(is_changed), _minus(readings.filter(~is_changed), known)])
    return Redecoded(
        positions=positions,
        readings=readings,
        known=known,
        refused=_placed(left.rejects, positions),
        landed=owners.filter(is_landed),
        counts=summed(outcomes.counts(), left.counts, negative(before)),
        added=added.sort("slot_start", "device_id", "metric", "event_at", "position", maintain_order=True),
        removed=known.filter(is_changed),
    )


def _without_forgotten(
    files: RowFiles, readings: pl.DataFrame, rejects: pl.DataFrame, outcomes: OutcomeCounts
) -> Forgotten:
    """What the rules in force leave: nothing that is forgotten comes back by a requeue."""
    rows = DecodedRows(readings, rejects, readings.clear(), rejects.clear(), outcomes.owner_of_each())
    return without_forgotten(rows, RuleChoice(standing_rules(files.ledger).rules))


def _batch(messages: pl.DataFrame, suspects: set[int]) -> SegmentBatch:
    heads = [0x30 | qos << 1 | retain for qos, retain in messages.select("qos", "retain").iter_rows()]
    properties = enumerate(messages["user_properties"].to_list())
    content = MessageBatch(
        messages["topic"].to_list(),
        messages["payload"].to_list(),
        messages["received_at"].cast(pl.Datetime("us")).cast(pl.Int64).to_list(),
        {index: tuple((each["name"], each["value"]) for each in some) for index, some in properties if some},
        {index: key for index, key in enumerate(messages["key"].to_list()) if key is not None},
        retained=set(messages["retain"].arg_true().to_list()),
    )
    indices = {index for index, position in enumerate(messages["position"]) if position in suspects}
    return SegmentBatch(0, content, heads, set(), indices)


def _placed(table: pl.DataFrame, positions: pl.Series) -> pl.DataFrame:
    """The table with the messages' own positions instead of their ordinals in this batch."""
    return table.with_columns(positions.gather(table["position"]).alias("position"))


def _known(files: RowFiles, manifest: Manifest, positions: pl.Series) -> pl.DataFrame:
    """Visible readings of the messages."""
    where = (pl.col("segment") == manifest.segment) & pl.col("position").is_in(positions.implode())
    frames = [
        rows.select(*_COLUMNS, pl.lit(files.name(file)).alias("file"))
        for file in files.files_of(manifest)
        if len(rows := files.read(file, where))
    ]
    return pl.concat(frames) if frames else pl.DataFrame(schema=_NONE_KNOWN)


def _is_unreadable(rows: pl.DataFrame, known: pl.DataFrame, decoder: Decoder) -> pl.Series:
    """Rows of half landed messages whose contract reads what an earlier version did not keep in the quarantine."""
    topics = [topic for topic in rows["topic"].unique() if decoder.reads_properties(topic)]
    return rows.select(
        pl.col("user_properties").is_null()
        & pl.col("topic").is_in(topics)
        & pl.col("position").is_in(known["position"].implode())
    ).to_series()


def _counted_landed(known: pl.DataFrame, messages: pl.DataFrame, owners: pl.DataFrame) -> list[DeviceCounts]:
    """Messages that had landed: counted for the device of now if they had readings of it, else for their first."""
    now: dict[int, str] = dict(owners.iter_rows())
    # not that of a reading: a retained one is as old as it says
    arrived = messages.select("position", pl.col("received_at").cast(pl.Datetime("us")).cast(pl.Int64))
    arrived_at: dict[int, int] = dict(arrived.iter_rows())
    found: Counter[tuple[int, str]] = Counter()
    for (position,), rows in known.group_by("position", maintain_order=True):
        devices = rows["device_id"].to_list()
        at = arrived_at[position]
        device = now.get(position, "")
        found[at // HOUR * HOUR, device if device in devices else min(devices)] += 1
    return [counted(*key, received=count, landed=count) for key, count in sorted(found.items())]


def _minus(rows: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """The rows that `others` does not have; a row that is there twice counts twice."""
    if rows.is_empty() or others.is_empty():
        return rows
    left = Counter(map(repr, others.select(_COMPARED).iter_rows()))
    mask: list[bool] = []
    for key in map(repr, rows.select(_COMPARED).iter_rows()):
        mask.append(left[key] <= 0)
        left[key] -= 1
    return rows.filter(pl.Series(mask, dtype=pl.Boolean))
