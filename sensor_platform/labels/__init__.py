"""Ground truth: labels of device, metric and time span, entered by people or read from files."""
