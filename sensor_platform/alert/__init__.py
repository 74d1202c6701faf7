"""Alerts and what follows from them: the store, the durable outbox, the channels, the backtest of rules."""
