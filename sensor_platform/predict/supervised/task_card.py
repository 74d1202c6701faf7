"""The card of a task's model: origin, inputs, calibration, decision rule, and error estimate."""

from datetime import datetime
from typing import Any

import msgspec

from sensor_platform.predict.supervised.calibration import ProbabilityCalibration
from sensor_platform.predict.supervised.config import Kind

MODEL = "model.txt"


class TaskCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`card.json` of a model of a task. Times are aware UTC."""

    task: str
    version: str
    kind: Kind
    created_at: datetime
    origin: str
    """`trained`, or the origin of an external model."""
    sources: dict[str, str]
    """Source of each input by name, in the order of the model."""
    inputs_sha256: str
    defaults: dict[str, float] = {}
    classes: tuple[str, ...] = ()
    calibrations: tuple[ProbabilityCalibration, ...] = ()
    """Calibration of the failure probability, or of each class; empty where raw outputs are used."""
    threshold: float | None = None
    """Alarm at or above this probability, or at or below this remaining life in hours."""
    class_costs: dict[str, float] = {}
    most_hours: int = 0
    lower_by: tuple[float, ...] = ()
    """Remaining life: hours from the prediction down to the 5 % bound, for each third of the predictions."""
    upper_by: tuple[float, ...] = ()
    """Remaining life: hours from the prediction up to the 95 % bound, for each third of the predictions."""
    thirds: tuple[float, ...] = ()
    """Remaining life: the two predictions that separate the thirds."""
    trained_from: datetime | None = None
    trained_to: datetime | None = None
    """Newest hour of training data; hours up to it are not scored. None if not trained on data of this site."""
    folds_by: str = ""
    """How training and test rows were separated: by `device`, or by `time` where there is one device."""
    folds: int = 0
    rows: int = 0
    devices: int = 0
    learnt_devices: tuple[str, ...] = ()
    """Names of the devices that it has learnt from; empty in cards of an earlier release."""
    estimate: dict[str, float | None] = {}
    """Quality of the recipe on held-out devices, with calibration and threshold of the other folds."""
    parameters: dict[str, Any] = {}
    seed: int = 0
    libraries: dict[str, str] = {}
    git_revision: str | None = None
    files: dict[str, str] = {}
    """SHA-256 of each file of the version."""

    def summary(self) -> str:
        """One line for a list of versions."""
        trained = f", {self.rows:,} hours of {self.devices} devices" if self.rows else ""
        return f"{self.kind}{trained} ({self.origin})"
