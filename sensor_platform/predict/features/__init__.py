"""Features: time grids, rolling moments, feature rows, and the inputs of models per horizon."""
