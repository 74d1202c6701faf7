"""Everything that leaves the live process for people and machines: notifications, commands, output streams.

A message waits in the outbox of the live store under the name of its channel. A `Dispatcher` takes it from there and
gives it to the channel's `Sink`. `sink_table.SINKS` has one line for each kind of sink.
"""
