"""What every room uses: durable files, spans of days, lengths of time."""
