{# Start of the window of `minutes` or `seconds` that holds the instant. Windows are aligned to the epoch, UTC. #}
{% macro window_floor(instant, minutes=0, seconds=0) -%}
  {{ return(adapter.dispatch('window_floor', 'sensor_platform')(instant, minutes * 60 + seconds)) }}
{%- endmacro %}

{% macro duckdb__window_floor(instant, seconds) -%}
  time_bucket(interval '{{ seconds }} seconds', {{ instant }}, timestamp '1970-01-01 00:00:00')
{%- endmacro %}

{# Length of a slot as an interval. #}
{% macro slot_length() -%}
  interval '{{ var("slot_minutes") }} minutes'
{%- endmacro %}

{# Length of a window of the grain as an interval. #}
{% macro grain_length(grain) -%}
  {{ return({'slot': slot_length(), 'hour': "interval '1 hour'", 'day': "interval '1 day'"}[grain]) }}
{%- endmacro %}

{% macro timestamp_literal(instant) -%}
  cast('{{ instant.strftime("%Y-%m-%d %H:%M:%S") }}' as timestamp)
{%- endmacro %}
