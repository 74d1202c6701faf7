"""Telegraf configurations that several tests convert."""

HEAD = '[[inputs.mqtt_consumer]]\nservers = ["tcp://127.0.0.1:1883"]\nqos = 1\n'

PIVOT = (
    HEAD
    + """
topics = ["/sensors/#"]
data_format = "value"
data_type = "float"
[[inputs.mqtt_consumer.topic_parsing]]
  topic = "/sensors/+/+/+/+"
  measurement = "/measurement/_/_/_/_"
  tags = "/_/site/version/device_name/field"
[[processors.pivot]]
  tag_key = "field"
  value_key = "value"
"""
)
