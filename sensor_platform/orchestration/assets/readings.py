"""The dbt models as assets, one step for all: from landing files to clean readings and their tiers."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetSpec,
    MaterializeResult,
    MetadataValue,
    ResourceParam,
)
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject, dbt_assets

from sensor_platform.errors import Unreachable, WrongUse
from sensor_platform.orchestration.checks.freshness import policy_of
from sensor_platform.orchestration.partitions import DAYS, ONE_RUN, OWNERS, WRITER_POOL, scope_of
from sensor_platform.orchestration.retry_policy import with_retries
from sensor_platform.settings import Settings
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.build_report import BuildReport, ModelReport, TestReport
from sensor_platform.warehouse.lineage import DBT_PROJECT, dbt_models

MANIFEST = DBT_PROJECT / "target" / "manifest.json"


def _manifest(path: Path) -> Path:
    if not path.is_file():
        raise WrongUse(f"{path} does not exist", "run `make venv` or `sensor-platform dbt parse` once")
    return path


class Translator(DagsterDbtTranslator):
    """Maps dbt models to assets: named like the table, grouped by layer, with the layer's freshness policy."""

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_dbt_views_as_virtual_assets=True))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> AssetKey:
        """Use the table's name as key; a source has its key in `meta.dagster.asset_key`."""
        if dbt_resource_props["resource_type"] == "model":
            return AssetKey(dbt_resource_props["name"])
        return super().get_asset_key(dbt_resource_props)

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:  # noqa: ARG002 - dagster-dbt's
        """Put all tables of readings in one group."""
        return "readings"

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """Use dbt's description, without the SQL."""
        return str(dbt_resource_props.get("description") or "")

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> AssetSpec:
        """Add owners and freshness policy, which dbt does not know."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        return spec.replace_attributes(
            owners=list(spec.owners) or OWNERS,
            freshness_policy=policy_of(spec.key.to_user_string()),
        )

    def get_asset_check_spec(
        self, asset_spec: AssetSpec, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> AssetCheckSpec | None:
        """Map a dbt test to a check; a failed test of severity `error` blocks the assets after it."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        description = manifest["nodes"][unique_id].get("description")
        return spec._replace(description=description) if spec and description else spec


@dbt_assets(
    manifest=_manifest(MANIFEST),
    name="readings",
    partitions_def=DAYS,
    backfill_policy=ONE_RUN,
    dagster_dbt_translator=Translator(),
    pool=WRITER_POOL,
)
def readings(
    context: AssetExecutionContext, settings: ResourceParam[Settings]
) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
    """Build the selected tables for the run's days, and report every model and every test."""
    work = scope_of(context)
    with with_retries(context, settings.site.runs):
        report = build(
            settings.home,
            settings.site,
            days=(work.first, work.last),
            position=work.position,
            models=sorted({key.to_user_string() for key in context.selected_asset_keys} & set(dbt_models())),
        )
        yield from (_built(model) for model in report.models.values() if model.name not in report.failed)
        checks = {key.name: key.asset_key for key in context.selected_asset_check_keys}
        tests = [test for test in report.tests.values() if test.name in checks and test.status != "skipped"]
        yield from (_checked(test, checks[test.name]) for test in tests)
        _raise_unless_built(report, tests)


def _built(model: ModelReport) -> MaterializeResult[None]:
    metadata: dict[str, MetadataValue[Any] | int | float | str] = {
        "rows": model.rows,
        "windows": model.windows,
        "late_rows": model.late_rows,
        "revised_rows": model.revised_rows,
        "seconds": round(model.seconds, 3),
    }
    if model.newest_event_at is not None:
        metadata["newest_event_at"] = MetadataValue.timestamp(model.newest_event_at)
    return MaterializeResult(asset_key=AssetKey(model.name), metadata=metadata)


def _checked(test: TestReport, asset_key: AssetKey) -> AssetCheckResult:
    is_error = test.severity == "error" or test.status == "error"
    return AssetCheckResult(
        asset_key=asset_key,
        check_name=test.name,
        passed=test.status in {"pass", "success"},
        severity=AssetCheckSeverity.ERROR if is_error else AssetCheckSeverity.WARN,
        description=test.message or None,
        metadata={"failing_rows": test.failures, "status": test.status},
    )


def _raise_unless_built(report: BuildReport, tests: Sequence[TestReport]) -> None:
    """Raise if a model failed. A failed check stops the run by itself, and a retry would not change its result."""
    if report.failed and not any(test.severity == "error" and test.name in report.failed for test in tests):
        raise Unreachable(
            f"dbt did not build {', '.join(report.failed)}", "see warehouse/dbt/logs/dbt.log in the data folder"
        )
