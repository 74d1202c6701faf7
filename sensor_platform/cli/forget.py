"""`sensor-platform forget`: delete a device, a metric or a topic in every tier, and keep it from coming back."""

import json
import sys
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import click

from sensor_platform.cli.moments import MOMENT

if TYPE_CHECKING:
    from sensor_platform.forget.forget import ForgetReport, Forgetter
    from sensor_platform.landing.forget.rule import ForgetRule


@click.command(
    epilog="\b\nExample:\n  sensor-platform forget --device patient-8271 --dry-run\n"
    "  sensor-platform forget --device patient-8271 --yes\n"
    "  sensor-platform forget --metric rpc --from 2026-03-01 --to 2026-03-02 --yes\n"
    "  sensor-platform forget --list\n  sensor-platform forget --lift 3f9ac04e"
)
@click.option("--device", metavar="ID", help="This device.")
@click.option("--metric", metavar="NAME", help="This metric; of one device together with --device.")
@click.option("--topic", metavar="FILTER", help="What came by these topics (MQTT filter).")
@click.option("--from", "start", type=MOMENT, help="First event time, UTC: a day or a time.  [default: the beginning]")
@click.option("--to", "end", type=MOMENT, help="End of the event times, excluded.  [default: now]")
@click.option("--dry-run", "is_dry", is_flag=True, help="Print what would be deleted, tier by tier.")
@click.option("--yes", is_flag=True, help="Delete without asking. What is deleted cannot be restored.")
@click.option("--list", "is_listing", is_flag=True, help="List the rules in force.")
@click.option("--lift", metavar="ID", help="End a rule of --list: what comes from now on lands.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def forget(
    device: str | None,
    metric: str | None,
    topic: str | None,
    start: datetime | None,
    end: datetime | None,
    is_dry: bool,
    yes: bool,
    is_listing: bool,
    lift: str | None,
    as_json: bool,
) -> None:
    """Delete a device, a metric or a topic for good, and keep it from coming back until the rule is lifted.

    Its readings, rejects and archived messages are deleted, and what was made of them: tables, published files,
    predictions, labels, alerts. Several conditions hold together. Messages stay counted, with the outcome `forgotten`.

    Without --to the rule takes what was received until now and what is of event time before now: a message that is
    late or sent again, `reland`, `rebuild` and `land --rebuild-ledger` bring nothing back. Readings of a later event
    time are new data and land. With --to it takes what is of event time before that, whenever it comes.

    A message that holds other devices or metrics too is deleted from the archive as a whole: its other readings stay,
    but cannot be landed again. Models that were trained on it are named; train them again, or delete their folders.
    """
    from sensor_platform.errors import WrongUse
    from sensor_platform.kernel.clock import now_micros, to_micros
    from sensor_platform.landing.forget.rule import ForgetRule

    if is_listing or lift is not None:
        if any((device, metric, topic, start, end)) or (is_listing and lift is not None):
            raise WrongUse("--list and --lift take no conditions", "call `sensor-platform forget --help`")
        _list(as_json=as_json) if is_listing else _lift(lift or "")
        return
    if not (device or metric or topic):
        raise WrongUse("name what to forget", "give --device, --metric or --topic; `--list` shows what is forgotten")
    if start and end and end <= start:
        raise WrongUse("the range ends before it begins", "give the earlier time to --from")
    rule = ForgetRule(
        at=now_micros(),
        device=device,
        metric=metric,
        topic=topic,
        first=to_micros(start) if start else None,
        end=to_micros(end) if end else None,
    )
    _forget(rule, is_dry=is_dry, yes=yes, as_json=as_json)


def _forget(rule: "ForgetRule", *, is_dry: bool, yes: bool, as_json: bool) -> None:
    from sensor_platform.errors import Unreachable, WrongUse

    forgetter = _forgetter()
    try:
        if is_dry:
            _print(forgetter.plan(rule), is_dry=True, as_json=as_json)
            return
        if not yes:
            _print(forgetter.plan(rule), is_dry=True, as_json=False, to_stderr=True)
            if not sys.stdin.isatty():
                raise WrongUse("nothing was deleted", "add --yes to delete it for good, or --dry-run only to look")
            click.confirm("Delete all of this for good?", abort=True, err=True)
        _print(forgetter.forget(rule), is_dry=False, as_json=as_json)
    except OSError as error:
        raise Unreachable(f"cannot write now: {error}", "check disk space and rights, then run it again") from error


def _forgetter() -> "Forgetter":
    from sensor_platform.alert.history.build_alerts import build_alerts
    from sensor_platform.forget.forget import Forgetter
    from sensor_platform.kernel.clock import now_micros
    from sensor_platform.landing.integrity.reland import contracts_of
    from sensor_platform.settings import load_settings

    settings = load_settings()
    site = settings.site
    contracts = contracts_of(site.contracts, site.landing, site.start, site.slot_minutes)

    def build() -> object:
        return build_alerts(settings.home, site.alerts, site.live.engine, now_micros())

    return Forgetter(settings.home, site, contracts, now_micros, build)


def _print(report: "ForgetReport", *, is_dry: bool, as_json: bool, to_stderr: bool = False) -> None:
    if as_json:
        click.echo(
            json.dumps(asdict(report) | {"id": report.rule.id, "rule": _words(report.rule), "applied": not is_dry})
        )
        return
    verb = "would delete" if is_dry else "deleted"
    landing = report.landing

    def say(line: str) -> None:
        click.echo(line, err=to_stderr)

    say(
        f"{verb} landing: {landing.readings:,} readings of {landing.messages:,} messages, {landing.landing_files} files"
    )
    say(f"{verb} quarantine: {landing.rejects:,} rows, {landing.quarantine_files} files")
    say(f"{verb} raw archive: {landing.archived_messages:,} messages, {landing.archive_files} files")
    for table in report.tables:
        say(f"{verb} {table.table}: {table.rows:,} rows")
    say(f"{verb} labels: {report.labels:,}, alerts: {report.alerts:,}")
    for model in report.models:
        may = "was" if model.is_certain else "may have been"
        say(f"model {model.name} {model.version}{' (champion)' if model.is_champion else ''} {may} trained on it")
    if landing.mixed_messages:
        say(f"{landing.mixed_messages:,} messages hold other readings too: those stay, and cannot be landed again")
    if landing.frozen_slots:
        fate = "keep the rows, because no table names a topic" if report.rule.topic else "lose the rows, nothing else"
        say(f"{landing.frozen_slots:,} slots can no longer be built again: their tables {fate}")
    if landing.waiting_segments:
        say(f"{landing.waiting_segments} segments are not landed yet: the rule is applied when they are")
    if landing.files_aside:
        say(f"{landing.files_aside} files in aside/ are not looked into: delete them if they may hold it")
    if not is_dry:
        say(f"{landing.slots:,} slots are built again by the next run; replaced files are deleted in an hour")
        say(f"rule {report.rule.id} is in force: {_words(report.rule)}")


def _list(*, as_json: bool) -> None:
    from sensor_platform.cli.rows import write
    from sensor_platform.forget.forget import rules_of
    from sensor_platform.kernel.clock import from_micros
    from sensor_platform.settings import load_settings

    rows = [
        (
            *(rule.id, rule.device, rule.metric, rule.topic),
            *(None if at is None else from_micros(at) for at in (rule.first, rule.end, rule.at)),
            rule.pending,
        )
        for rule in rules_of(load_settings().home)
    ]
    columns = ("id", "device", "metric", "topic", "from", "to", "at", "pending")
    write(columns, rows, "json" if as_json else "table", sys.stdout)


def _lift(start: str) -> None:
    rule = _forgetter().lift(start)
    click.echo(f"rule {rule.id} is lifted: {_words(rule)} lands again; what was deleted stays deleted")


def _words(rule: "ForgetRule") -> str:
    from sensor_platform.kernel.clock import utc_from_micros

    names = [f"{name} {value}" for name, value in zip(("device", "metric", "topic"), rule.names, strict=True) if value]
    first = f" from {utc_from_micros(rule.first).isoformat()}" if rule.first is not None else ""
    end = rule.at if rule.end is None else rule.end
    return f"{', '.join(names)}{first} before {utc_from_micros(end).isoformat(timespec='seconds')}"
