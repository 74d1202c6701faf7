"""What is to be rebuilt: the ledger's news, the state of what was built, and from both the work list."""
