"""`sensor-platform import --list` and `--withdraw`: what was imported, and how it is taken back."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sensor_platform.imports.withdraw import Withdrawn


def show_imports(*, as_json: bool) -> None:
    """Print every imported file, oldest first."""
    from sensor_platform.cli.rows import write
    from sensor_platform.imports.known_imports import list_imports, short_id
    from sensor_platform.kernel.clock import from_micros
    from sensor_platform.settings import load_settings

    rows = [
        (short_id(each.sha256), short_id(each.segment), each.name, each.rows, from_micros(each.imported_at))
        for each in list_imports(load_settings().home)
    ]
    write(("id", "import", "file", "rows", "imported_at"), rows, "json" if as_json else "table", sys.stdout)


def withdraw_imports(names: Sequence[str], *, is_dry: bool, as_json: bool) -> None:
    """Withdraw imports, or print what would go.

    Raises:
        WrongUse: a name fits no import.
        Unreachable: the disk does not allow it, or another change works on the home.
    """
    from dataclasses import asdict

    from sensor_platform.errors import Unreachable
    from sensor_platform.imports.withdraw import withdraw
    from sensor_platform.kernel.clock import MINUTE, now_micros
    from sensor_platform.settings import load_settings

    settings = load_settings()
    try:
        done = withdraw(
            settings.home,
            names,
            settings.site.slot_minutes * MINUTE,
            now_micros,
            is_real=not is_dry,
            wait_seconds=settings.site.warehouse.lock_wait_seconds,
        )
    except OSError as error:
        raise Unreachable(f"cannot write now: {error}", "check disk space and rights, then try again") from error
    if as_json:
        click.echo(json.dumps(asdict(done) | {"applied": not is_dry}))
    else:
        _print(done, "would be withdrawn" if is_dry else "withdrawn")


def _print(done: "Withdrawn", verb: str) -> None:
    for name in done.files:
        click.echo(f"{name}: {verb}")
    click.echo(f"{done.rows} rows, {done.readings} readings, {done.refused} rejects in quarantine, {done.slots} slots")
    if done.reconciled:
        click.echo(f"{done.reconciled} requeues or drops of its quarantine end with it")
    if done.frozen_slots:
        click.echo(f"{done.frozen_slots} slots are older than the site keeps readings: tables keep them")
