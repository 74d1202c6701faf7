"""Messages through landing, and what became of each: the only module of this area that knows the product's insides."""

import re
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from sensor_platform.cli.main import cli
from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.clock import to_micros
from sensor_platform.landing.open_lander import open_lander
from sensor_platform.site import load_site
from sensor_platform.warehouse.build import build
from sensor_platform_tests.field.ingest.landed import NOW, Landed, Messages, Refusal, Row
from sensor_platform_tests.landing.homes import Message, seal_segment


def land(folder: Path, messages: Messages, contracts: Sequence[str] = ()) -> Landed:
    """Land messages in a home of their own under these contracts.

    Raises:
        WrongUse: a contract is refused when it is read.
    """
    site = folder / f"site{sum(1 for _ in folder.glob('site*'))}"
    (site / "contracts").mkdir(parents=True)
    (site / "site.yaml").write_text("")
    for place, contract in enumerate(contracts):
        (site / "contracts" / f"{place:02d}.yaml").write_text(contract)
    return land_under(site, messages)


def land_under(site: Path, messages: Messages) -> Landed:
    """Land messages in a home of their own, beside this site folder."""
    read, home = load_site(site), Home(site.with_name(f"{site.name}-home"))
    made = [Message(payload, topic) for topic, payload in messages]
    seal_segment(home, 1, made, received_at=to_micros(NOW), step=1_000_000, batch=1)
    later = to_micros(NOW) + 3_600_000_000
    with open_lander(home, read.contracts, read.landing, read.start, read.slot_minutes, lambda: later) as lander:
        list(lander.land_sealed())
    return Landed(home.root, site, _rows(home), _refused(home))


def land_where_accepted(folder: Path, messages: Messages, *choices: Sequence[str]) -> list[Landed]:
    """Land messages under each choice of contracts that the product takes, for a claim that any of them may fulfil."""
    found = []
    for contracts in choices:
        try:
            found.append(land(folder, messages, contracts))
        except WrongUse:
            continue
    if not found:
        pytest.fail("the product takes none of the contracts")
    return found


def land_unless_refused(folder: Path, messages: Messages, contracts: Sequence[str], keys: str) -> Landed | None:
    """What is landed; None where the contracts are refused, which is right if the refusal names one of the keys.

    Args:
        keys: pattern of the keys.
    """
    try:
        return land(folder, messages, contracts)
    except WrongUse as refusal:
        if not re.search(rf"\b({keys})\b", str(refusal)):
            raise AssertionError(f"the refusal names no key of {keys}: {refusal}") from refusal
        return None


def imported_site(folder: Path, telegraf: str) -> tuple[Path, str]:
    """The site folder that `import` makes of a Telegraf configuration, and what the command prints."""
    file, site = folder / "telegraf.conf", folder / "site-of-telegraf"
    file.write_text(telegraf)
    done = CliRunner().invoke(cli, ["import", str(file), "--to", str(site)], catch_exceptions=False)
    if done.exit_code:
        pytest.fail(f"import does not take the configuration: {done.output}")
    return site, done.output.replace(str(folder), "")


def run_on(landed: Landed, *arguments: str) -> tuple[int, str]:
    """Exit code and all output of a command on the home and site of landed messages."""
    environ = {"SENSOR_PLATFORM_HOME": str(landed.home), "SENSOR_PLATFORM_SITE": str(landed.site)}
    done = CliRunner().invoke(cli, list(arguments), env=environ, catch_exceptions=False)
    return done.exit_code, done.output


def build_tables(landed: Landed) -> None:
    """Build the warehouse from what was landed."""
    if not build(Home(landed.home), load_site(landed.site)).is_ok:
        pytest.fail("the tables could not be built")


def ask_tables(landed: Landed, sql: str) -> list[Any]:
    """Rows of the built warehouse."""
    with duckdb.connect(str(Home(landed.home).warehouse_file), read_only=True) as warehouse:
        return warehouse.execute(sql).fetchall()


def _rows(home: Home) -> list[Row]:
    columns = "device_id, metric, event_at, value, text, unit, quality, tags, message_id, is_device_time"
    return [
        Row(device, metric, at.replace(tzinfo=UTC), value, text, unit, quality, dict(tags or {}), message_id, is_known)
        for device, metric, at, value, text, unit, quality, tags, message_id, is_known in _read(home.landing, columns)
    ]


def _refused(home: Home) -> list[Refusal]:
    return sorted(
        (Refusal(*row) for row in _read(home.root / "quarantine", "position, scope, rule, reason, hint")),
        key=lambda refusal: refusal.message,
    )


def _read(folder: Path, columns: str) -> list[Any]:
    files = sorted(map(str, folder.glob("*/*.parquet")))
    if not files:
        return []
    with duckdb.connect() as connection:
        return connection.execute(
            f"select {columns} from read_parquet(?, hive_partitioning = false)", [files]
        ).fetchall()
