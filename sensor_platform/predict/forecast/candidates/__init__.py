"""What can be served: baselines, a linear model, LightGBM, and the average of the last two."""
