"""Checks that landing is complete, and repairs: audit of outcomes, checksums, damaged files, reland, ledger rebuild."""
