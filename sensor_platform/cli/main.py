"""Entry point: finds the command's module, turns expected failures into one line, a hint and an exit code."""

import importlib
import sys

import click

from sensor_platform.errors import ExitCode, PlatformError

# command -> (module of sensor_platform.cli, one line for --help). Modules load only when called: the collector must
# not pay for Polars, nor a query for Dagster.
COMMANDS = {
    "demo": ("demo", "Run the whole platform on replayed real data, on this machine."),
    "collect": ("collect", "Collect from the broker and land, until stopped."),
    "land": ("land", "Land the sealed segments of a home (the collector starts this itself)."),
    "replay": ("replay", "Publish a Parquet, CSV or NDJSON file as MQTT messages."),
    "simulate": ("simulate", "Publish messages of made-up devices, with sequences."),
    "contract": ("contract", "Try a payload contract on past traffic, or have one proposed."),
    "import": ("import_files", "Import CSV or Parquet history."),
    "quarantine": ("quarantine", "List, show, requeue or drop what was refused."),
    "live": ("live", "Serve page, alarms, API and metrics, following the collector."),
    "alerts": ("alerts", "List, answer, try out and test alerts."),
    "labels": ("labels", "Add, import, list and remove labels; confirm or reject alerts."),
    "query": ("query", "Ask the published tables in SQL."),
    "publish": ("publish", "Publish what changed, or write one file to take away."),
    "dbt": ("dbt", "Run dbt on the warehouse under the writer lock."),
    "evaluate": ("evaluate", "Judge forecasts and anomaly scores on a file, with untouched defaults."),
    "models": ("models", "List, show, compare, promote and roll back models, or add one."),
    "predictions": ("predictions", "Show what was known when: forecasts and scores as of a time."),
    "audit": ("audit", "Prove that every received message was landed, quarantined, a duplicate or forgotten."),
    "trace": ("trace", "Go from a row of any table back to its readings, their files and their messages."),
    "backfill": ("backfill", "Plan, launch, watch, cancel and resume the building of past days."),
    "rebuild": ("rebuild", "Make the warehouse and everything published again from landing."),
    "retention": ("retention", "Show or delete what is older than the site keeps it."),
    "forget": ("forget", "Delete a device, a metric or a topic for good, and keep it away."),
    "reland": ("reland", "Land again from the raw archive, under the contracts in force."),
    "status": ("status", "Show what the platform is doing and how far it is."),
    "chaos": ("chaos", "Kill collector and lander on this machine, and see that nothing is lost."),
    "doctor": ("doctor", "Check settings, disk and broker, with a live store-and-forward test."),
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        name = COMMANDS[cmd_name][0]
        command = getattr(importlib.import_module(f"sensor_platform.cli.{name}"), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(
    cls=_LazyGroup,
    epilog="Exit codes: 0 fine, 1 a check failed, 2 wrong use or configuration, 3 something needed cannot be reached.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="sensor-platform")
def cli() -> None:
    """MQTT sensor data to files, DuckDB tables and forecasts, orchestrated by Dagster.

    Settings come from the environment: SENSOR_PLATFORM_HOME (data folder, default ./data), SENSOR_PLATFORM_SITE
    (site folder) and SENSOR_PLATFORM_BROKER_URL (mqtt://user:password@host:port).
    """


def main() -> None:
    """Run the command line; never shows a traceback for an expected failure."""
    try:
        code = cli.main(standalone_mode=False)
    except PlatformError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(ExitCode.WRONG_USE)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(ExitCode.OK)
    sys.exit(code if isinstance(code, int) else ExitCode.OK)
