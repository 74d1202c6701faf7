"""The site's catalog (devices, metrics, calibration): CSV files that Python, dbt and analysts read alike.

`files` reads them, `changes` says what a changed row means for the past, `adoption` brings the warehouse and the ledger
up to them. `model` has the rows.
"""

from sensor_platform.warehouse.catalog.catalog_files import read_calibration, read_catalog, read_devices, read_metrics
from sensor_platform.warehouse.catalog.catalog_model import Calibration, Catalog, Device, Metric
from sensor_platform.warehouse.catalog.sync import sync_catalog

__all__ = [
    "Calibration",
    "Catalog",
    "Device",
    "Metric",
    "read_calibration",
    "read_catalog",
    "read_devices",
    "read_metrics",
    "sync_catalog",
]
