"""The one definition of what a model sees: rasters, rolling moments, feature rows, inputs per horizon."""
