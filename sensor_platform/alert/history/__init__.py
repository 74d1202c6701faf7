"""The tables `alerts` and `alert_events`: every alarm that the site's rules make of what was published."""
