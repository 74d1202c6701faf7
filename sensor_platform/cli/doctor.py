"""`sensor-platform doctor`: check settings, disk and broker before they cause data loss."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sensor_platform.doctor import Finding
    from sensor_platform.doctor.broker import BrokerCheck

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red", "skipped": "bright_black"}


@click.command(epilog="Example: sensor-platform doctor --messages 5000")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option(
    "--messages",
    type=click.IntRange(1, 1_000_000),
    default=2000,
    show_default=True,
    help="Messages of the self-test.",
)
@click.option(
    "--topic", default="sensor-platform/doctor", show_default=True, help="Topic below which the self-test publishes."
)
@click.option(
    "--broker-config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Configuration file of mosquitto, if doctor cannot find it.",
)
def doctor(*, as_json: bool, messages: int, topic: str, broker_config: Path | None) -> int:
    """Check settings, data folder and broker, with a live store-and-forward test.

    A session subscribes and goes offline, messages are published at QoS 1, the session reconnects and must receive all
    of them. Nothing stays at the broker. Where the site reads Kafka, that is checked instead: login, topics, group,
    lag and retention. Exit codes: 0 fine (also with warnings), 1 a check failed, 2 wrong settings or
    login, 3 no broker.
    """
    from sensor_platform.doctor import exit_code
    from sensor_platform.doctor.broker import BrokerCheck

    check = BrokerCheck(messages=messages, topic=topic.rstrip("/"), config=broker_config)
    findings = []
    for finding in _examine(check):
        findings.append(finding)
        if not as_json:
            _show(finding)
    code = exit_code(findings)
    if as_json:
        body = [
            {"check": finding.check, "status": finding.status, "detail": finding.detail, "hint": finding.hint}
            for finding in findings
        ]
        click.echo(json.dumps({"findings": body, "exit_code": int(code)}, indent=2))
    return code


def _examine(check: "BrokerCheck") -> "Iterator[Finding]":
    from sensor_platform.doctor import failure, ok
    from sensor_platform.doctor.broker import check_broker
    from sensor_platform.doctor.home_checks import check_home, check_retention
    from sensor_platform.doctor.kafka import check_kafka
    from sensor_platform.errors import PlatformError
    from sensor_platform.kernel.clock import now_micros
    from sensor_platform.settings import load_settings

    try:
        settings = load_settings()
    except PlatformError as error:
        yield failure("settings", error)
        return
    yield ok("settings", f"home {settings.home.root}, site {settings.site.name} ({settings.site_folder or 'built in'})")
    yield from check_home(settings.home)
    yield check_retention(settings.home, settings.site.retention.landing_days, now_micros())
    collect = settings.site.collect
    if collect.kafka.topics:
        yield from check_kafka(collect, settings.logins.get("kafka"))
    else:
        yield from check_broker(settings.broker, collect, check)


def _show(finding: "Finding") -> None:
    click.echo(f"{click.style(f'{finding.status:<8}', fg=_COLOURS[finding.status])}{finding.check:<20}{finding.detail}")
    if finding.hint:
        click.echo(f"{'':<28}hint: {finding.hint}")
