"""The graph in the order of the flow: landing, readings, features, model, predictions, anomalies, published."""
