"""The engine's thread: steps over committed messages, storage of windows and alarms, and the view of the page."""
