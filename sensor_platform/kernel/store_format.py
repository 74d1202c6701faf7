"""The version of a stored format: one number for each store, and one refusal of numbers that are too large."""

from importlib.metadata import version

from sensor_platform.errors import WrongUse

DISTRIBUTION = "sensor-platform"


def writer() -> str:
    """Version of this platform, for the store that it writes."""
    return version(DISTRIBUTION)


def refuse_newer(what: str, found: int, known: int, written_by: str | None) -> None:
    """Check that this version of the platform knows the format of a store.

    Args:
        what: the store, as the subject of a sentence.
        found: its format.
        known: the newest format that this version knows.
        written_by: version of the platform that wrote it; None if the store does not tell.

    Raises:
        WrongUse: the format is newer.
    """
    if found <= known:
        return
    newer = f"{DISTRIBUTION} {written_by}" if written_by else f"a newer {DISTRIBUTION}"
    raise WrongUse(
        f"{what} has format {found}, written by {newer}; this version knows formats up to {known}",
        f"install {newer} or later, or set SENSOR_PLATFORM_HOME to another folder",
    )
