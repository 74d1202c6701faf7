"""The live process: follows the collector, keeps windows and alarms, and serves page, API, metrics and health."""
