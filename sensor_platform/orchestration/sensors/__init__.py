"""Sensors that request runs or report their end."""
