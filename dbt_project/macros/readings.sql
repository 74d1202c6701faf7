{# The columns of a reading, as staging names them. #}
{% macro reading_columns(prefix='') -%}
  {%- set names = [
    'device_id', 'metric', 'event_at', 'received_at', 'value', 'text', 'unit', 'quality', 'tags', 'message_id', 'topic',
    'segment', 'position', 'is_device_time', 'is_suspect', 'slot_start'
  ] -%}
  {%- for name in names %}{{ prefix }}{{ name }}{{ ', ' if not loop.last }}{% endfor -%}
{%- endmacro %}

{# What makes two readings the same message of the same device: a device's own clock is part of it, our receive time is not. #}
{% macro message_fingerprint() -%}
  {{ fingerprint(['device_id', 'metric', 'message_id', 'case when is_device_time then event_at end']) }}
{%- endmacro %}
