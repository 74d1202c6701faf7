"""The launcher's earlier module name, as a dagster.yaml in a home may carry it."""

from sensor_platform.orchestration.launcher.warm_launcher import WarmRunLauncher

__all__ = ["WarmRunLauncher"]
