"""Where notifications, streams and commands are sent: people, webhooks, MQTT and Kafka."""
