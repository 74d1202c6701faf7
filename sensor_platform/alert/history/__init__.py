"""The tables `alerts` and `alert_events`: the alerts of the site's rules over everything that is published."""
