"""Deletes data that is older than the site keeps: landing files and the tiers of the warehouse, only once proved."""
