"""`sensor-platform models`: what the registry holds, and which version is in charge."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sensor_platform.home import Home
    from sensor_platform.predict.models.card import Card


@click.group(epilog="\b\nExample:\n  sensor-platform models list\n  sensor-platform models rollback TEMP")
def models() -> None:
    """List, show, compare, promote and roll back the versions of the forecast models."""


@models.command("list")
def list_models() -> None:
    """Every version of every metric, oldest first; the champion is marked with a star."""
    from sensor_platform.predict.models import registry

    home = _home()
    for metric in registry.metrics(home):
        reigns = registry.reigns(home, metric)
        champion = reigns[-1].version if reigns else None
        click.echo(metric)
        for version in registry.versions(home, metric):
            mark = "*" if version == champion else " "
            card = registry.card_of(home, metric, version)
            click.echo(f" {mark} {version}  {card.examples:,} examples to {card.trained_to:%Y-%m-%d %H:%M}Z")
        for reign in reigns:
            click.echo(f"     {reign.promoted_at:%Y-%m-%d %H:%M}Z {reign.version}: {reign.why}")


@models.command()
@click.argument("metric")
@click.argument("version", required=False)
def show(metric: str, version: str | None) -> None:
    """The card of a version (default: the champion) as JSON."""
    from sensor_platform.predict.models import card as cards

    click.echo(cards.encode(_card(_home(), metric, version)).decode().rstrip())


@models.command()
@click.argument("metric")
@click.argument("version")
def promote(metric: str, version: str) -> None:
    """Put a version in charge of what is issued from now on."""
    from sensor_platform.predict.models import registry

    reign = registry.promote(_home(), metric, version, datetime.now(UTC), "promoted by hand")
    click.echo(f"{metric}: {reign.version} serves from {reign.serves_from:%Y-%m-%d %H:%M}Z")


@models.command()
@click.argument("metric")
def rollback(metric: str) -> None:
    """Put the version that was in charge before the champion back."""
    from sensor_platform.errors import WrongUse
    from sensor_platform.predict.models import registry

    home = _home()
    reigns = registry.reigns(home, metric)
    before = next((each for each in reversed(reigns) if each.version != reigns[-1].version), None)
    if before is None:
        raise WrongUse(f"{metric} has no earlier champion", "sensor-platform models list shows what there is")
    why = f"rolled back by hand from {reigns[-1].version}"
    reign = registry.promote(home, metric, before.version, datetime.now(UTC), why, before.rules)
    click.echo(f"{metric}: {reign.version} serves from {reign.serves_from:%Y-%m-%d %H:%M}Z")


@models.command()
@click.argument("metric")
@click.argument("first")
@click.argument("second")
def diff(metric: str, first: str, second: str) -> None:
    """What the cards of two versions say differently, as JSON lines: key, first, second."""
    import msgspec

    home = _home()
    one, other = (msgspec.to_builtins(_card(home, metric, version), str_keys=True) for version in (first, second))
    for key in one:
        if one[key] != other[key]:
            click.echo(json.dumps({"key": key, "first": one[key], "second": other[key]}))


def _home() -> "Home":
    from sensor_platform.settings import load_settings

    return load_settings().home


def _card(home: "Home", metric: str, version: str | None) -> "Card":
    from sensor_platform.errors import WrongUse
    from sensor_platform.predict.models import registry

    if version is not None:
        return registry.card_of(home, metric, version)
    card = registry.champion_card(home, metric)
    if card is None:
        raise WrongUse(f"{metric} has no champion", "sensor-platform models list shows what there is")
    return card
