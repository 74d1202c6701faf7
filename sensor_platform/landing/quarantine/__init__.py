"""The quarantine: list rejected rows, decode them again (requeue), or drop them."""
