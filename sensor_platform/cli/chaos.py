"""`sensor-platform chaos`: test that no acknowledged message is lost while processes are killed."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sensor_platform.errors import ExitCode

if TYPE_CHECKING:
    from sensor_platform.demo.tally import Tally

_SHARE = click.FloatRange(0, 1)
_COLUMNS = ("device", "admitted", "sent_again", "late", "landed", "in_table", "missing", "doubled")
_NAMED = 5


@click.command(
    epilog="\b\nExample:\n  sensor-platform chaos\n  sensor-platform chaos --messages 200000 --rate 20000 --kills 20"
)
@click.option("--messages", type=click.IntRange(1), default=20_000, show_default=True, help="Messages of all devices.")
@click.option("--rate", type=click.FloatRange(1, 1_000_000), default=2000.0, show_default=True, help="Messages/s.")
@click.option("--devices", type=click.IntRange(1, 99_999), default=10, show_default=True, help="Number of devices.")
@click.option("--kills", type=click.IntRange(0), default=8, show_default=True, help="Number of kills.")
@click.option("--twice", type=_SHARE, default=0.01, show_default=True, help="Fraction of repeated messages.")
@click.option("--late", type=_SHARE, default=0.02, show_default=True, help="Fraction of late messages.")
@click.option(
    "--garbage",
    type=_SHARE,
    default=0.002,
    show_default=True,
    help="Fraction followed by a bad payload.",
)
@click.option("--qos", type=click.IntRange(1, 2), default=1, show_default=True, help="MQTT quality of service.")
@click.option("--seed", type=int, default=1, show_default=True, help="Random seed of the kills.")
@click.option("--keep", type=click.Path(path_type=Path), help="Keep the data in this new folder.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def chaos(
    *,
    messages: int,
    rate: float,
    devices: int,
    kills: int,
    twice: float,
    late: float,
    garbage: float,
    qos: int,
    seed: int,
    keep: Path | None,
    as_json: bool,
) -> int:
    """Test on this machine that nothing acknowledged is lost: kill -9; late, repeated and broken messages; a tally.

    Starts its own mosquitto and uses its own data folder. Collector and lander are killed at random times while devices
    publish numbered messages. Then landing files, table and audit are compared with the sent messages, device by
    device. An installed platform is not touched. Exit code 1 if a message is missing or doubled.
    """
    from sensor_platform.demo.chaos import Trial, new_folder, run_trial
    from sensor_platform.demo.stack import stopped_by_signals
    from sensor_platform.devices.faults import Faults
    from sensor_platform.devices.simulated import Simulation

    trial = Trial(
        devices=Simulation(devices, rate, messages / rate, seed),
        faults=Faults(twice, late, garbage, late_seconds=5.0, seed=seed),
        kills=kills,
        qos=qos,
    )
    with stopped_by_signals(), new_folder(keep) as root:
        tally = run_trial(trial, root, lambda line: click.echo(line, err=True))
    click.echo(json.dumps(_as_json(tally)) if as_json else _shown(tally))
    return ExitCode.OK if tally.holds else ExitCode.CHECK_FAILED


def _as_json(tally: "Tally") -> dict[str, object]:
    return {
        "holds": tally.holds,
        "missing": tally.missing,
        "doubled": tally.doubled,
        "killed": dict(tally.killed),
        "garbage": tally.garbage,
        "received": tally.received,
        **dict(zip(("landed", "quarantined", "duplicate"), tally.fates, strict=True)),
        "difference": tally.difference,
        "devices": [{**asdict(each), "missing": each.missing} for each in tally.devices],
    }


def _shown(tally: "Tally") -> str:
    from sensor_platform.cli.rows import table

    rows = [
        (d.device_id, d.admitted, d.again, d.late, d.landed, d.in_table, d.missing, d.doubled) for d in tally.devices
    ]
    killed = ", ".join(f"{count} x {name}" for name, count in sorted(tally.killed.items())) or "nothing"
    landed, quarantined, duplicate = tally.fates
    lost = [f"{each.device_id}: {', '.join(map(str, each.lost[:_NAMED]))}" for each in tally.devices if each.lost]
    return "\n".join(
        [
            table(_COLUMNS, rows).rstrip(),
            f"killed: {killed}; garbage sent: {tally.garbage}",
            f"received {tally.received:,} = landed {landed:,} + quarantined {quarantined:,} + duplicate {duplicate:,}"
            + (f", but for {tally.difference:,}" if tally.difference else ""),
            *(f"lost of {line}" for line in lost),
            _verdict(tally),
        ]
    )


def _verdict(tally: "Tally") -> str:
    if tally.holds:
        return "nothing is missing, nothing doubled"
    return (
        f"missing {tally.missing:,}, doubled {tally.doubled:,}, without a fate {tally.difference:,}\n"
        "hint: the same command with --keep DIR keeps data and logs; that it happens at all is a fault of ours"
    )
