"""What leaves the live process: notifications, streams and commands to brokers, predictions that data asked for."""
