"""Contracts that ship: one YAML file for each family of devices or gateways, and what reads them."""
