"""LightGBM without its wrapper for scikit-learn: two seconds less in every run that only scores.

Where scikit-learn is installed, `import lightgbm` imports it too. Scoring needs the booster alone. Training goes the
usual way, for there both are used, and scikit-learn has to be the first to load its OpenMP.
"""

import sys

_WRAPPER = "sklearn"


def import_lightgbm_alone() -> None:
    """Load LightGBM; does nothing where it, or scikit-learn, is loaded already."""
    if "lightgbm" in sys.modules or _WRAPPER in sys.modules:
        return
    sys.modules[_WRAPPER] = None  # type: ignore[assignment] # to the import system: there is none
    try:
        import lightgbm  # noqa: F401
    finally:
        del sys.modules[_WRAPPER]
