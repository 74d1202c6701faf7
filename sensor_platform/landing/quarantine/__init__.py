"""The quarantine: what is refused, how a person looks at it, lands it after all, or is done with it."""
