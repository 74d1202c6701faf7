"""Import of LightGBM without its scikit-learn wrapper, which saves two seconds in every run that only scores.

Where scikit-learn is installed, `import lightgbm` imports it too. Scoring needs the booster alone. Training
imports both in the usual way, because scikit-learn has to load its OpenMP first.
"""

import sys

_WRAPPER = "sklearn"


def import_lightgbm_alone() -> None:
    """Load LightGBM; does nothing if it, or scikit-learn, is loaded already."""
    if "lightgbm" in sys.modules or _WRAPPER in sys.modules:
        return
    sys.modules[_WRAPPER] = None  # type: ignore[assignment] # the import system takes it as missing
    try:
        import lightgbm  # noqa: F401
    finally:
        del sys.modules[_WRAPPER]
