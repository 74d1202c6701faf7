"""What a request asks for, without HTTP: messages into segments, history from files, a prediction."""
