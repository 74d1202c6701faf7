"""Starts runs in a pre-forked process, and knows whether a run is alive."""


def __getattr__(name: str) -> object:
    """The class of the launcher, which a dagster.yaml names here that the first releases copied into a home.

    Imported when asked for: the warm process is a module of this package, and must not be imported before it is run.
    """
    if name != "WarmRunLauncher":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sensor_platform.orchestration.launcher.warm_launcher import WarmRunLauncher

    return WarmRunLauncher
