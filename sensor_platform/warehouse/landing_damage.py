"""Finds out whether a damaged landing file is the reason why a build failed."""

import contextlib
from collections.abc import Iterator, Sequence

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.kernel.clock import now_micros
from sensor_platform.landing.integrity.verify import verify
from sensor_platform.landing.ledger import LandingFile


def raise_damage(home: Home, files: Sequence[LandingFile]) -> None:
    """Compare the landing files that a build read with the ledger. Damaged ones are set aside, as by `audit --verify`.

    Raises:
        CheckFailed: a file is damaged; the message names it. The next build leaves its slots as they are in the tables.
    """
    names = {str(file.path.relative_to(home.root)) for file in files}
    damaged = verify(home, now_micros(), only=names).damaged if names else ()
    if damaged:
        more = f" and {len(damaged) - 1} more" if len(damaged) > 1 else ""
        raise CheckFailed(
            f"landing file {damaged[0].file} {damaged[0].what}{more}; it is set aside and its slots are not built",
            "`sensor-platform reland` makes it again from the raw archive; a file older than that is put back from a"
            " backup (docs/proof.md); all other slots are built by the next run",
        )


@contextlib.contextmanager
def reading_landing(home: Home, files: Sequence[LandingFile]) -> Iterator[None]:
    """While the body reads these files: an error of the engine because of a damaged one is raised as `raise_damage`."""
    import duckdb

    try:
        yield
    except duckdb.Error:
        raise_damage(home, files)
        raise
