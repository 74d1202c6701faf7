{# The columns of a reading, as staging names them. #}
{% macro reading_columns(prefix='', except=[]) -%}
  {%- set names = [
    'device_id', 'metric', 'event_at', 'received_at', 'value', 'text', 'unit', 'quality', 'tags', 'message_id', 'topic',
    'segment', 'position', 'is_device_time', 'is_suspect', 'slot_start'
  ] -%}
  {%- for name in names if name not in except %}{{ prefix }}{{ name }}{{ ', ' if not loop.last }}{% endfor -%}
{%- endmacro %}

{# Identity of a message of a device: the device's own time is part of it, the receive time is not. #}
{% macro message_fingerprint() -%}
  {{ fingerprint(['device_id', 'metric', 'message_id', 'case when is_device_time then event_at end']) }}
{%- endmacro %}

{# Tags with one tag added. #}
{% macro with_tag(tags, key, value) -%}
  {{ return(adapter.dispatch('with_tag', 'sensor_platform')(tags, key, value)) }}
{%- endmacro %}

{% macro duckdb__with_tag(tags, key, value) -%}
  map_concat({{ tags }}, map([{{ text_literal(key) }}], [{{ value }}]))
{%- endmacro %}

{# Imported history does not show how late its devices are. A collector may be named `import` too: its segments have two dashes. #}
{% macro is_imported(segment) -%}
  ({{ segment }} like 'import-%' and {{ segment }} not like 'import-%-%')
{%- endmacro %}
