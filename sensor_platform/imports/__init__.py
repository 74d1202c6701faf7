"""History: CSV and Parquet files of readings, imported by the same order of files, manifest and ledger commit."""
