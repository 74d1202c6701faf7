"""What is judged about the assets: how fresh, how much is quarantined, and that nothing is missing."""
