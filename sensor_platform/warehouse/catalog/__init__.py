"""The site's catalog (devices, metrics, calibration): CSV files that Python, dbt and analysts read.

`catalog_files` reads and checks them, `catalog_model` has the rows, `changes` finds the readings that a changed row
affects, `sync` updates the warehouse and the ledger, `catalog_tables` holds the catalog in the warehouse.
"""

from sensor_platform.warehouse.catalog.catalog_files import read_calibration, read_catalog, read_devices, read_metrics
from sensor_platform.warehouse.catalog.catalog_model import CalibrationPeriod, Catalog, Device, Metric
from sensor_platform.warehouse.catalog.sync import sync_catalog

__all__ = [
    "CalibrationPeriod",
    "Catalog",
    "Device",
    "Metric",
    "read_calibration",
    "read_catalog",
    "read_devices",
    "read_metrics",
    "sync_catalog",
]
