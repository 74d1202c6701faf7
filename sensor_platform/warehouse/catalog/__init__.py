"""The site's catalog (devices, metrics, calibration): CSV files that Python, dbt and analysts read alike.

`files` reads them, `changes` says what a changed row means for the past, `adoption` brings the warehouse and the ledger
up to them. `model` has the rows.
"""

from sensor_platform.warehouse.catalog.adoption import adopt
from sensor_platform.warehouse.catalog.files import read_calibration, read_catalog, read_devices, read_metrics
from sensor_platform.warehouse.catalog.model import Calibration, Catalog, Device, Metric

__all__ = [
    "Calibration",
    "Catalog",
    "Device",
    "Metric",
    "adopt",
    "read_calibration",
    "read_catalog",
    "read_devices",
    "read_metrics",
]
