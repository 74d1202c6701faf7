"""A running process follows the site's files: what is in force, what is refused and why."""
