"""Payload contracts: trial on past traffic, inference from traffic, conversion from Telegraf. Reads only."""
