"""Monitoring of models in service: drift of inputs and errors, and what follows from it."""
