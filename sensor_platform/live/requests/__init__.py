"""Work for requests, independent of HTTP: messages into segments, history from files, predictions."""
