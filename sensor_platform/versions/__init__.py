"""Versions of the site's files, and which of them each running process has in force."""
