"""Which windows must be rebuilt: the state of built windows, compared with the ledger."""
