"""`sensor-platform alerts`: list and answer alerts, test channels, backtest rules."""

import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from sensor_platform.kernel.clock import from_micros, now_micros

_FORMAT = click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", help="Output format."
)


@click.group()
def alerts() -> None:
    """List alerts, answer them, try rules on history, test channels.

    \b
    Example:
        sensor-platform alerts list --state firing
        sensor-platform alerts confirm 3f2a
        sensor-platform alerts backtest --last 30d --rules rules.yaml
    """


@alerts.command("list", epilog="\b\nExample:\n  sensor-platform alerts list --state firing --format json")
@click.option("--state", type=click.Choice(["firing", "acknowledged", "resolved"]), help="Only alerts in this state.")
@click.option("--device", default="", help="Only this device.")
@click.option("--limit", default=50, type=click.IntRange(1, 100_000), help="Number of newest rows.")
@_FORMAT
def list_alerts(state: str | None, device: str, limit: int, form: str) -> None:
    """Show alerts, newest first."""
    from sensor_platform.alert.live_queries import alert_rows
    from sensor_platform.alert.store import connect
    from sensor_platform.cli.rows import write
    from sensor_platform.settings import load_settings

    names = (
        "alert_id",
        "rule",
        "device_id",
        "metric",
        "state",
        "highest",
        "fired_at",
        "resolved_at",
        "value",
        "verdict",
    )
    with closing(connect(load_settings().home.live_file)) as connection:
        rows = alert_rows(connection, state or "", device, limit)

    def shown(name: str, value: Any) -> Any:  # noqa: ANN401 - any column
        if name.endswith("_at") and value is not None:
            return from_micros(value)
        return ("", "warning", "critical")[value] if name == "highest" else value

    write(names, [[shown(name, row[name]) for name in names] for row in rows], form, sys.stdout)


def _answering(kind: str, text: str) -> click.Command:
    @click.argument("alert_id")
    @click.option("--by", default="", help="Name of the person (default: your user name).")
    @click.option("--note", default="", help="Note, stored with the label.")
    def answering(alert_id: str, by: str, note: str) -> None:
        import getpass

        from sensor_platform.alert.operator_answers import answer_alert
        from sensor_platform.settings import load_settings

        answer_alert(
            load_settings().home,
            alert_id,
            kind,
            by or getpass.getuser(),
            now_micros(),
            note,
            may_be_short=True,
        )
        click.echo(f"{kind}: {alert_id}", err=True)

    answering.__doc__ = f"{text} ALERT_ID may be the beginning of an id."
    return alerts.command(kind, epilog=f"\b\nExample:\n  sensor-platform alerts {kind} 3f2a")(answering)


ack = _answering("acknowledge", "Acknowledge an alert: somebody has seen it: no reminders any more.")
confirm = _answering("confirm", "Confirm that an alert was right; it becomes a label for training.")
reject = _answering("reject", "Reject an alert that was wrong; it becomes a label for training.")
alerts.add_command(ack, "ack")


@alerts.command("send-test", epilog="\b\nExample:\n  sensor-platform alerts send-test --channel ops-mail")
@click.option("--channel", default="", help="Only this channel (default: all).")
def send_test(channel: str) -> None:
    """Send a test notification directly through the channels of rules.yaml, and print the result of each."""
    from sensor_platform.cli.live import live_setup
    from sensor_platform.errors import CheckFailed
    from sensor_platform.live.sending.connections import make_connections, make_links
    from sensor_platform.settings import load_settings
    from sensor_platform.sinks.channel_check import send_tests

    settings = load_settings()
    setup = live_setup(settings, settings.site.live)
    links = make_links(setup)
    failed = []
    try:
        for name, problem in send_tests(setup.alerts, channel, setup.site, make_connections(setup, links)):
            click.echo(f"{name}: {problem or 'sent'}")
            failed += [name] if problem else []
    finally:
        links.site.stop()
    if failed:
        raise CheckFailed(f"{len(failed)} channels do not work: {', '.join(failed)}", "correct their url in rules.yaml")


@alerts.command("retry", epilog="\b\nExample:\n  sensor-platform alerts retry")
def retry() -> None:
    """Requeue dead letters: messages whose sending failed too often."""
    from sensor_platform.alert.outbox import requeue_dead_letters
    from sensor_platform.alert.store import connect
    from sensor_platform.settings import load_settings

    with closing(connect(load_settings().home.live_file)) as connection:
        click.echo(f"{requeue_dead_letters(connection)} messages will be sent again", err=True)


@alerts.command("backtest", epilog="\b\nExample:\n  sensor-platform alerts backtest --last 30d --rules changed.yaml")
@click.option("--last", default="30d", help="Look-back window before the newest reading, e.g. 12h, 30d.")
@click.option(
    "--rules",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Rules file instead of the site's.",
)
@click.option("--events", "show_events", is_flag=True, help="Print every event instead of one line per rule.")
@_FORMAT
def backtest(last: str, rules: Path | None, show_events: bool, form: str) -> None:
    """Run rules over the published history with the live engine, and print what they would have done."""
    from sensor_platform.alert.backtest import EVENT_COLUMNS, SUMMARY_COLUMNS, newest_received, run_backtest
    from sensor_platform.cli.moments import length_of
    from sensor_platform.cli.rows import write
    from sensor_platform.errors import WrongUse
    from sensor_platform.settings import load_settings
    from sensor_platform.site import read_rules

    settings = load_settings()
    config = read_rules(rules) if rules else settings.site.alerts
    if not config.rules:
        raise WrongUse("there are no rules to try", "write rules.yaml in the site folder, or name a file with --rules")
    span = length_of(last)
    end = newest_received(settings.home) or datetime.now(UTC).replace(tzinfo=None)
    found = run_backtest(settings.home, config, settings.site.live.engine, end - timedelta(microseconds=span), end)
    if show_events:
        write(EVENT_COLUMNS, found.event_rows(), form, sys.stdout)
    else:
        write(SUMMARY_COLUMNS, found.summary_rows(), form, sys.stdout)
