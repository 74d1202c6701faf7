"""The whole platform on one machine with replayed real data: starts the processes, publishes, watches, stops them.

Reads tables for `replay` too, because the room of the sockets must not import Polars. Production needs none of it.
"""
