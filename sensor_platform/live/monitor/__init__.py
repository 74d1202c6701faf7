"""How the live process and the rest of the platform are: health, metrics, layers."""
