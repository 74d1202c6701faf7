"""`sensor-platform quarantine`: list rejected messages, requeue or drop them."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sensor_platform.kernel.clock import MINUTE

if TYPE_CHECKING:
    from sensor_platform.landing.quarantine.reconcile import Reconciled, Reconciler
    from sensor_platform.landing.quarantine.row_selection import RowSelection
    from sensor_platform.settings import Settings

_F = TypeVar("_F", bound=Callable[..., Any])
_COLUMNS = ("received_at", "rule", "scope", "topic", "device_id", "reason", "id")


@click.group(epilog="\b\nExample:\n  sensor-platform quarantine list --rule undecodable --since 7d")
def quarantine() -> None:
    """List rejected messages and readings, requeue or drop them."""


def _filters(command: _F) -> _F:
    for option in (
        click.option("--device", metavar="ID", help="Only this device."),
        click.option("--until", metavar="TIME", help="Received before this time."),
        click.option("--since", metavar="TIME", help="Received since this time: 7d, 12h, or ISO 8601."),
        click.option("--topic", metavar="FILTER", help="MQTT topic filter."),
        click.option("--rule", "rules", multiple=True, metavar="RULE", help="Rejected by this rule (repeatable)."),
    ):
        command = option(command)
    return command


@quarantine.command("list", epilog="\b\nExample:\n  sensor-platform quarantine list --count")
@_filters
@click.option("--limit", default=20, show_default=True, help="Number of newest rows.")
@click.option("--count", is_flag=True, help="Count rows by rule and topic.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array on standard output.")
def list_rows(limit: int, count: bool, as_json: bool, **chosen: Any) -> None:  # noqa: ANN401
    """List rejected messages and readings, newest first, or count them by rule and topic."""
    import polars as pl

    from sensor_platform.cli.rows import write
    from sensor_platform.landing.quarantine.listing import chosen_rows
    from sensor_platform.settings import load_settings

    rows = chosen_rows(load_settings().home, _choice(chosen))
    if count:
        shown = rows.group_by("rule", "topic", "hint").agg(rows=pl.len(), newest=pl.col("received_at").max())
        shown = shown.sort("rows", "rule", "topic", descending=[True, False, False])
        shown = shown.select("rule", "topic", "rows", "newest", "hint")
    else:
        name = pl.format("{}:{}", "segment", "position").alias("id")
        shown = rows.sort("received_at", "position", descending=True).head(limit).with_columns(name).select(_COLUMNS)
    write(shown.columns, shown.rows(), "json" if as_json else "table", sys.stdout)


@quarantine.command(epilog="\b\nExample:\n  sensor-platform quarantine show plant-1700000000000-00000001:42")
@click.argument("name", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One JSON array on standard output.")
def show(name: str, as_json: bool) -> None:
    """Show one rejected message with its payload and a hint. The id is the one from `quarantine list`."""
    from sensor_platform.cli.rows import text, write
    from sensor_platform.errors import WrongUse
    from sensor_platform.landing.quarantine.listing import chosen_rows
    from sensor_platform.settings import load_settings

    rows = chosen_rows(load_settings().home, _choice({"id": name}))
    if rows.is_empty():
        raise WrongUse(f"the quarantine has no message {name!r}", "see `sensor-platform quarantine list`")
    if as_json:
        write(rows.columns, rows.rows(), "json", sys.stdout)
        return
    for row in rows.iter_rows(named=True):
        for column, value in row.items():
            if value is not None:
                click.echo(f"{column:12} {text(value)}")


@quarantine.command(
    epilog="\b\nExample:\n  sensor-platform quarantine requeue --rule no_device --topic 'plant/+/press'"
)
@_filters
@click.option("--id", "id", metavar="ID", help="Only this message.")
@click.option("--all", "everything", is_flag=True, help="All quarantined rows.")
@click.option("--dry-run", "is_dry", is_flag=True, help="Only print what would change, by segment.")
@click.option("--yes", "may_lose", is_flag=True, help="Also where messages give fewer readings than before.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def requeue(everything: bool, is_dry: bool, may_lose: bool, as_json: bool, **chosen: Any) -> None:  # noqa: ANN401
    """Decode rejected messages again with today's contracts; good ones land with their original receive time.

    Messages that are still rejected stay, with today's reason. What a message gave before is replaced by what it gives
    now, so running it twice lands nothing twice. Exit code 1, and nothing is changed, if landed readings would be lost
    and --yes is not given.
    """
    from sensor_platform.cli.segment_changes import refuse_loss
    from sensor_platform.landing.ledger import load_memory
    from sensor_platform.landing.open_lander import limits_of
    from sensor_platform.reading.contract import contract_version
    from sensor_platform.reading.decode import Decoder

    choice = _asked(chosen, everything=everything)
    with _settler("requeue") as (settler, settings):
        site = settings.site
        limits = limits_of(site.landing, site.start)
        decoder = Decoder(site.contracts, limits, load_memory(settler.ledger))
        version = contract_version(site.contracts)
        if is_dry or not may_lose:
            planned = list(settler.requeue(choice, decoder, version, is_dry=True))
            if is_dry:
                _report(planned, as_json=as_json, is_dry=True)
                return
            refuse_loss([one.change for one in planned], "sensor-platform quarantine requeue")
        done = list(settler.requeue(choice, decoder, version))
    _report(done, as_json=as_json)


@quarantine.command(epilog="\b\nExample:\n  sensor-platform quarantine drop --topic 'test/#' --until 2026-01-01")
@_filters
@click.option("--id", "id", metavar="ID", help="Only this message.")
@click.option("--all", "everything", is_flag=True, help="All quarantined rows.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def drop(everything: bool, as_json: bool, **chosen: Any) -> None:  # noqa: ANN401
    """Remove rows from the quarantine. They are moved to separate files, not deleted, and stay in the audit."""
    choice = _asked(chosen, everything=everything)
    with _settler("drop") as (settler, _):
        done = list(settler.drop(choice))
    _report(done, as_json=as_json)


def _choice(chosen: dict[str, Any]) -> "RowSelection":
    from sensor_platform.cli.moments import moment_or_ago
    from sensor_platform.errors import WrongUse
    from sensor_platform.landing.quarantine.row_selection import RowSelection

    segment, _, position = (chosen.get("id") or "").rpartition(":")
    if chosen.get("id") and not (segment and position.isdigit()):
        raise WrongUse(f"{chosen['id']!r} is not an id", "take the last column of `sensor-platform quarantine list`")
    return RowSelection(
        rules=tuple(chosen.get("rules") or ()),
        topic=chosen.get("topic"),
        since=moment_or_ago(chosen["since"]) if chosen.get("since") else None,
        until=moment_or_ago(chosen["until"]) if chosen.get("until") else None,
        device=chosen.get("device"),
        segment=segment or None,
        position=int(position) if position else None,
    )


def _asked(chosen: dict[str, Any], *, everything: bool) -> "RowSelection":
    """Selection of rows to change: some filter or --all is required."""
    from sensor_platform.errors import WrongUse

    if everything == any(value for value in chosen.values()):
        raise WrongUse("name the rows", "name filters (--rule, --topic, --since, --device, --id), or --all")
    return _choice(chosen)


@contextmanager
def _settler(what: str) -> "Iterator[tuple[Reconciler, Settings]]":
    from sensor_platform.errors import Unreachable
    from sensor_platform.kernel.clock import now_micros
    from sensor_platform.landing.lander_lock import changes_lock
    from sensor_platform.landing.ledger import open_ledger
    from sensor_platform.landing.quarantine.reconcile import Reconciler
    from sensor_platform.settings import load_settings

    settings = load_settings()
    home = settings.home
    try:
        with (
            changes_lock(home, what, wait_seconds=settings.site.warehouse.lock_wait_seconds),
            open_ledger(home) as ledger,
        ):
            yield Reconciler(home, ledger, settings.site.slot_minutes * MINUTE, now_micros), settings
    except OSError as error:
        raise Unreachable(f"cannot write now: {error}", "check disk space and rights, then try again") from error


def _report(done: "list[Reconciled]", *, as_json: bool, is_dry: bool = False) -> None:
    from sensor_platform.cli.segment_changes import as_json as segments
    from sensor_platform.cli.segment_changes import lines

    sums = {
        "rows": sum(one.chosen for one in done),
        "landed_messages": sum(one.landed_messages for one in done),
        "landed_readings": sum(one.landed_readings for one in done),
        "removed_readings": sum(one.removed_readings for one in done),
        "lost_readings": sum(one.change.lost for one in done),
        "dropped": sum(one.dropped for one in done),
    }
    changes = [one.change for one in done]
    if as_json:
        click.echo(json.dumps(sums | ({"changes": segments(changes)} if is_dry else {})))
        return
    for line in lines(changes) if is_dry else ():
        click.echo(line)
    said = ", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in sums.items())
    click.echo(f"would be {said}" if is_dry else said)
