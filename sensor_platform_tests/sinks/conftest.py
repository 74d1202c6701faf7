"""Libraries whose first import warns (of Python modules that are going away) are imported here, where that is quiet."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import apprise

    apprise.Apprise.instantiate("json://localhost")
