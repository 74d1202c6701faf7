"""Models that learn from labels: failures ahead, classes, remaining life; grouped by device, judged by cost."""
