"""Takes rows out of landed files in one ledger commit: withdrawn imports, and devices that were forgotten."""
