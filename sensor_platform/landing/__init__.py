"""The border between stream and batch: segments, landing files, manifests, ledger, quarantine, raw archive, audit."""
