"""Health and metrics of the live process, and the status of the other processes and layers."""
