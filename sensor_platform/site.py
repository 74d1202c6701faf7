"""The site folder: `site.yaml`, `contracts/*.yaml`, `catalog/*.csv`. Configuration only; every field has a default."""

from datetime import date
from pathlib import Path

import msgspec

from sensor_platform.alert.config import AlertConfig
from sensor_platform.collect.config import CollectConfig
from sensor_platform.contracts.library.shipped import read_shipped
from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.yaml_file import read_documents, read_yaml
from sensor_platform.landing.config import LandingConfig
from sensor_platform.landing.ledger import DeviceRule, device_rule_of
from sensor_platform.live.config import LiveConfig
from sensor_platform.predict.anomaly.config import AnomalyConfig
from sensor_platform.predict.forecast.config import ForecastConfig
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.reading.contract import DEFAULT_CONTRACT, TOPIC_DEVICE, Contract, ValueSource
from sensor_platform.retention.config import RetentionConfig
from sensor_platform.retention.config import check as check_retention
from sensor_platform.sinks.prediction_sink import PREDICTIONS_CONTRACT
from sensor_platform.warehouse.config import WarehouseConfig
from sensor_platform.warehouse.lineage import dbt_tables
from sensor_platform.warehouse.meta import Freshness

DEFAULT_START = date(2010, 1, 1)
DEFAULT_FRESHNESS = {
    "landing": Freshness(warn_minutes=5, fail_minutes=15),
    **{name: table.freshness for name, table in dbt_tables().items() if table.freshness},
    "predictions": Freshness(warn_minutes=120, fail_minutes=180),
    "published": Freshness(warn_minutes=15, fail_minutes=30),
}


class FreshDevices(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section `freshness_devices` of site.yaml: how many devices have to be fresh before a layer is."""

    share: float = 0.5
    """Share of the devices that were heard of recently which has to be as fresh as the layer; 0 looks at none."""
    heard_hours: float = 24.0
    """Hours for which a device counts after a message from it."""


class ContractSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section `contracts` of site.yaml."""

    strict: bool = False
    """Whether a message is refused whose topic no contract of the site names; the default contract takes it if not."""
    use: tuple[str, ...] = ()
    """Contracts of the library (`sensor-platform contract library`), which come after those of the site's own files."""
    unnamed_devices: DeviceRule | None = None
    """What names a device where neither the payload nor its contract does: `topic` (without the levels with which the
    subscription begins) or `last_level` (or a field `id`). None: as the data folder began; new ones with `topic`."""


class Runs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section `runs` of site.yaml: how Dagster retries, polls and schedules."""

    retries: int = 1
    retry_after_seconds: int = 300
    sensor_seconds: int = 2
    """Least time between two looks of the ledger sensor."""
    breath_seconds: int = 10
    """Pause between two runs of today, each of which costs seconds of a core; under steady arrival only."""
    fallback_minutes: int = 10
    """The fallback schedule asks for dirty days this often, should the sensor be off."""
    train_cron: str = "15 3 * * *"
    watch_cron: str = "45 * * * *"
    """The live record of forecasts is looked at, UTC."""
    upkeep_cron: str = "20 * * * *"
    """Compaction, retention and clean-up, UTC."""
    verify_cron: str = "40 4 * * *"
    """Every file is read and compared with its checksum, UTC."""
    keep_run_hours: int = 24
    """Runs that later ones have superseded leave Dagster's history after this."""
    keep_other_run_days: int = 90
    """All other runs leave it after this, but for the newest success of each day and of a training; 0 for never."""


class _SiteFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: str = "default"
    start: date = DEFAULT_START
    slot_minutes: int = 10
    collect: CollectConfig = CollectConfig()
    contracts: ContractSettings = ContractSettings()
    landing: LandingConfig = LandingConfig()
    warehouse: WarehouseConfig = WarehouseConfig()
    forecast: ForecastConfig = ForecastConfig()
    retention: RetentionConfig = RetentionConfig()
    anomaly: AnomalyConfig = AnomalyConfig()
    supervised: tuple[TaskConfig, ...] = ()
    runs: Runs = Runs()
    live: LiveConfig = LiveConfig()
    freshness: dict[str, Freshness] = msgspec.field(default_factory=dict)
    freshness_devices: FreshDevices = FreshDevices()


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """One site's whole configuration, checked."""

    name: str
    start: date
    """First UTC day that is accepted; earlier readings are quarantined."""
    slot_minutes: int
    """The unit of change: divides an hour."""
    collect: CollectConfig
    landing: LandingConfig
    warehouse: WarehouseConfig
    forecast: ForecastConfig
    retention: RetentionConfig
    anomaly: AnomalyConfig
    runs: Runs
    freshness: dict[str, Freshness]
    contracts: tuple[Contract, ...]
    catalog: Path | None
    """Folder of devices.csv, metrics.csv and calibration.csv, or None."""
    live: LiveConfig = LiveConfig()
    contract_settings: ContractSettings = ContractSettings()
    alerts: AlertConfig = AlertConfig()
    """`rules.yaml`."""
    freshness_devices: FreshDevices = FreshDevices()
    supervised: tuple[TaskConfig, ...] = ()


def load_site(folder: Path | None) -> Site:
    """Read and check a site folder; None gives the default site.

    Raises:
        WrongUse: naming file, line and key of the first mistake.
    """
    if folder is None:
        return _assemble(_SiteFile(), (), None)
    if not folder.is_dir():
        raise WrongUse(f"site folder {folder} does not exist", "set SENSOR_PLATFORM_SITE to a folder with a site.yaml")
    path = folder / "site.yaml"
    if not path.is_file():
        raise WrongUse(f"there is no site.yaml in {folder}", "create one; an empty file takes every default")
    contracts = tuple(each for file in sorted(folder.glob("contracts/*.yaml")) for each in read_contracts(file))
    catalog = folder / "catalog"
    site = _assemble(read_yaml(path, _SiteFile), contracts, catalog if catalog.is_dir() else None)
    rules = folder / "rules.yaml"
    return msgspec.structs.replace(site, alerts=read_rules(rules)) if rules.is_file() else site


def for_home(site: Site, home: Home) -> Site:
    """The site as a data folder takes it: devices without a name are named as the folder began, unless the site says.

    Args:
        site: of `load_site`.
        home: the data folder.
    """
    if site.contract_settings.unnamed_devices is not None or device_rule_of(home) == "topic":
        return site
    unnamed = _topic_device(site.collect)
    contracts = tuple(
        msgspec.structs.replace(each, device=DEFAULT_CONTRACT.device) if each.device == unnamed else each
        for each in site.contracts
    )
    return msgspec.structs.replace(site, contracts=contracts)


def fit_contract(contract: Contract, site: Site, home: Home) -> Contract:
    """A contract that was read by itself, as it would be in the site."""
    rule = site.contract_settings.unnamed_devices or device_rule_of(home)
    return _with_device(contract, rule, site.collect)


def _with_device(contract: Contract, rule: DeviceRule | None, collect: CollectConfig) -> Contract:
    """The contract with what names its devices, where it does not state that."""
    if rule == "last_level" or contract.device != DEFAULT_CONTRACT.device:
        return contract
    return msgspec.structs.replace(contract, device=_topic_device(collect))


def _topic_device(collect: CollectConfig) -> ValueSource:
    """The topic below the subscriptions; of Kafka the key of the record, or its whole topic."""
    if collect.kafka.topics:
        return msgspec.structs.replace(TOPIC_DEVICE, topic_below=(), kafka_key=True)
    return msgspec.structs.replace(TOPIC_DEVICE, topic_below=tuple(each.topic for each in collect.subscriptions))


def read_rules(path: Path) -> AlertConfig:
    """Alarm rules, channels and routes of a file.

    Raises:
        WrongUse: naming file, line and key of the first mistake.
    """
    return read_yaml(path, AlertConfig)


def read_contract(path: Path) -> Contract:
    """A file of one contract.

    Raises:
        WrongUse: naming file, line and key of the first mistake.
    """
    found = read_contracts(path)
    if len(found) > 1:
        raise WrongUse(f"{path} holds {len(found)} contracts", "name a file with one")
    return found[0]


def read_contracts(path: Path) -> tuple[Contract, ...]:
    """The contracts of one file: several are YAML documents with `---` between them.

    Raises:
        WrongUse: naming file, line and key of the first mistake.
    """
    if not path.is_file():
        raise WrongUse(f"there is no contract {path}", "name a YAML file as in `contracts/` of a site folder")
    if found := read_documents(path, Contract):
        return found
    hint = "write a contract into it, at least `name` and `topic`, or remove it"
    raise WrongUse(f"{path}:1: the file is empty", hint)


def _assemble(site: _SiteFile, contracts: tuple[Contract, ...], catalog: Path | None) -> Site:
    if not 1 <= site.slot_minutes <= 60 or 60 % site.slot_minutes:
        raise WrongUse(
            f"site.yaml: slot_minutes is {site.slot_minutes}", "use a divisor of 60: 1, 2, 5, 10, 15, 20, 30"
        )
    check_retention(site.retention)
    if not 0 <= site.freshness_devices.share <= 1 or site.freshness_devices.heard_hours <= 0:
        raise WrongUse(
            "site.yaml: freshness_devices.share is not from 0 to 1, or heard_hours is not positive",
            "give a share like 0.5 and hours like 24",
        )
    names = [task.name for task in site.supervised]
    if len(set(names)) != len(names):
        raise WrongUse("site.yaml: two supervised tasks have one name", "name each task differently")
    unknown = set(site.freshness) - set(DEFAULT_FRESHNESS)
    if unknown:
        raise WrongUse(
            f"site.yaml: freshness has unknown layer {min(unknown)!r}",
            f"layers are {', '.join(DEFAULT_FRESHNESS)}",
        )
    shipped = (each for name in site.contracts.use for each in read_shipped(name))
    every = (*contracts, *shipped, *((PREDICTIONS_CONTRACT,) if site.live.triggers else ()))
    if not site.contracts.strict:
        every += (DEFAULT_CONTRACT,)
    return Site(
        name=site.name,
        start=site.start,
        slot_minutes=site.slot_minutes,
        collect=site.collect,
        landing=site.landing,
        warehouse=site.warehouse,
        forecast=site.forecast,
        retention=site.retention,
        anomaly=site.anomaly,
        supervised=site.supervised,
        runs=site.runs,
        live=site.live,
        freshness=DEFAULT_FRESHNESS | site.freshness,
        freshness_devices=site.freshness_devices,
        contracts=tuple(_with_device(each, site.contracts.unnamed_devices, site.collect) for each in every),
        contract_settings=site.contracts,
        catalog=catalog,
    )
