"""What every room uses: clock, days and durations, durable files, lock files, SQLite transactions, back-off."""
