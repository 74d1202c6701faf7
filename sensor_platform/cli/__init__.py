"""The `sensor-platform` command: one module per family of commands, loaded only when it is called."""
