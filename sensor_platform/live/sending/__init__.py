"""Messages that the live process puts into the outbox, and their destinations."""
