"""`sensor-platform contract`: try a contract on past traffic, or propose one."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sensor_platform.cli.contract_library import library
from sensor_platform.kernel.clock import from_micros

if TYPE_CHECKING:
    from sensor_platform.contracts.compare import Comparison, Terms
    from sensor_platform.settings import Settings
    from sensor_platform.site import Site

_MOST = 5000


@click.group(epilog="\b\nExample:\n  sensor-platform contract test contracts/press.yaml --last 7d")
def contract() -> None:
    """Try a payload contract on past traffic, propose one, or take one that ships."""


contract.add_command(library)


@contract.command("test", epilog="\b\nExample:\n  sensor-platform contract test new/press.yaml --last 7d --json")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--last", default="7d", show_default=True, metavar="TIME", help="Look-back window, e.g. 24h, 7d.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def try_contract(file: Path, last: str, as_json: bool) -> None:
    """Show how a changed contract would decode past traffic. Changes nothing.

    FILE holds contracts, each of which replaces that of the same name, or is a whole site folder. The raw archive (kept
    for `landing.raw_keep_days`) is decoded with the contracts in force and with the changed ones.
    """
    import msgspec

    from sensor_platform.cli.moments import micros_ago
    from sensor_platform.contracts.compare import compare
    from sensor_platform.settings import load_settings

    settings = load_settings()
    since = micros_ago(last)
    found = compare(settings.home, _terms(settings.site), _changed(settings, file), since)
    if as_json:
        click.echo(json.dumps({**msgspec.to_builtins(found), "is_same": found.is_same}))
    else:
        _show(found)


@contract.command(
    epilog="\b\nExample:\n  sensor-platform contract infer --topic 'plant/+/press' > contracts/press.yaml"
)
@click.option("--topic", required=True, metavar="FILTER", help="MQTT topic filter of the messages.")
@click.option("--name", default=None, help="Name of the contract.  [default: made from the topic]")
@click.option("--last", default="7d", show_default=True, metavar="TIME", help="Look-back window in the raw archive.")
@click.option("--seconds", type=float, default=None, help="Listen to the broker for this many seconds instead.")
def infer(topic: str, name: str | None, last: str, seconds: float | None) -> None:
    """Propose a contract from traffic, as YAML on standard output. Notes on what to check go to standard error."""
    from sensor_platform.contracts.contract_file import to_yaml
    from sensor_platform.contracts.infer import infer as propose
    from sensor_platform.errors import CheckFailed, WrongUse
    from sensor_platform.reading.names import filter_error
    from sensor_platform.settings import load_settings

    if reason := filter_error(topic):
        raise WrongUse(reason, "see the MQTT specification, topic filters")
    messages = _messages(load_settings(), topic, last, seconds)
    if not messages:
        raise CheckFailed(f"no messages of {topic!r} were found", "try a longer --last, or --seconds to listen now")
    made = name or "-".join(level for level in topic.split("/") if level not in {"+", "#"}) or "everything"
    found = propose(made, topic, messages)
    click.echo(to_yaml(found.contract).rstrip())
    click.echo(f"from {found.messages} messages; {found.undecodable} do not fit", err=True)
    for note in found.notes:
        click.echo(f"check: {note}", err=True)


@contract.command(epilog="\b\nExample:\n  sensor-platform contract drift --last 30d")
@click.option("--last", default="7d", show_default=True, metavar="TIME", help="Look-back window, e.g. 24h, 7d.")
@click.option("--limit", default=100, show_default=True, help="Number of newest events.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array on standard output.")
def drift(last: str, limit: int, as_json: bool) -> None:
    """List drift of devices: new kinds of values of a metric, gaps in Sparkplug sequences."""
    from sensor_platform.cli.moments import micros_ago
    from sensor_platform.cli.rows import write
    from sensor_platform.landing.ledger import drift_since, read_ledger
    from sensor_platform.settings import load_settings

    since = micros_ago(last)
    with read_ledger(load_settings().home) as ledger:
        found = [] if ledger is None else drift_since(ledger, since, limit)
    rows = [(from_micros(at), *rest) for at, *rest in found]
    columns = ("received_at", "device_id", "metric", "what", "was", "now")
    write(columns, rows, "json" if as_json else "table", sys.stdout)


def _messages(settings: "Settings", topic: str, last: str, seconds: float | None) -> list[tuple[str, bytes]]:
    from sensor_platform.reading.names import topic_matches

    if seconds is not None:
        from sensor_platform.collect.mqtt.listen import listen

        return listen(settings.broker, topic, seconds, _MOST)
    from sensor_platform.cli.moments import micros_ago
    from sensor_platform.contracts.traffic import traffic

    found: list[tuple[str, bytes]] = []
    since = micros_ago(last)
    for piece in traffic(settings.home, since, lambda name: topic_matches(topic, name)):
        found.extend(zip(piece.messages.topics, piece.messages.payloads, strict=True))
        if len(found) >= _MOST:
            break
    return found[:_MOST]


def _changed(settings: "Settings", file: Path) -> "Terms":
    from sensor_platform.contracts.compare import with_contract
    from sensor_platform.site import fit_contract, for_home, load_site, read_contracts

    if file.is_dir() or file.name == "site.yaml":
        return _terms(for_home(load_site(file if file.is_dir() else file.parent), settings.home))
    contracts = settings.site.contracts
    for each in reversed(read_contracts(file)):  # a new one goes first
        contracts = with_contract(contracts, fit_contract(each, settings.site, settings.home))
    return _terms(settings.site, contracts)


def _terms(site: "Site", contracts: Any = None) -> "Terms":  # noqa: ANN401 - a tuple of contracts
    from sensor_platform.contracts.compare import Terms
    from sensor_platform.landing.open_lander import limits_of

    return Terms(contracts or site.contracts, limits_of(site.landing, site.start))


def _show(found: "Comparison") -> None:
    from sensor_platform.cli.rows import write

    click.echo(f"{found.messages} messages that the change can touch")
    write(
        ("", "now", "then"),
        [
            ("messages landed", found.landed_now, found.landed_then),
            ("readings", found.readings_now, found.readings_then),
            *((f"refused: {rule.rule}", rule.now, rule.then) for rule in found.rules),
        ],
        "table",
        sys.stdout,
    )
    for title, names in (
        ("new devices", found.new_devices),
        ("lost devices", found.lost_devices),
        ("new metrics", found.new_metrics),
        ("lost metrics", found.lost_metrics),
    ):
        if names:
            click.echo(f"{title}: {', '.join(names)}")
    for rule in found.rules:
        if rule.now != rule.then:
            click.echo(f"{rule.rule}: {rule.example.topic}: {rule.example.reason}")
            click.echo(f"    {rule.example.payload!r}")
    click.echo(f"{found.changed_hours} hours of a device and metric differ")
    if found.hours:
        columns = ("device", "metric", "hour", "rows now", "rows then", "mean now", "mean then")
        rows = [(h.device_id, h.metric, h.hour, h.rows_now, h.rows_then, h.mean_now, h.mean_then) for h in found.hours]
        write(columns, rows, "table", sys.stdout)
