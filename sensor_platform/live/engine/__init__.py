"""The engine thread: steps over what the collector committed, windows and alarms stored, what the page sees of them."""
