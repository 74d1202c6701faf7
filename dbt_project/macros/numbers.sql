{# Functions that each engine names differently. A sample is a pair (at, value); samples of the same instant are ordered by value. #}

{# The samples of a group that meet `condition`, in order of time; null if none does. #}
{% macro samples_in_time(at, value, condition) -%}
  {{ return(adapter.dispatch('samples_in_time', 'sensor_platform')(at, value, condition)) }}
{%- endmacro %}

{% macro duckdb__samples_in_time(at, value, condition) -%}
  list_sort(list({'at': {{ at }}, 'value': {{ value }}}) filter (where {{ condition }}))
{%- endmacro %}

{# Total over the samples of an expression of one sample `s`, in their order. #}
{% macro samples_total(samples, expression='s.value') -%}
  {{ return(adapter.dispatch('samples_total', 'sensor_platform')(samples, expression)) }}
{%- endmacro %}

{% macro duckdb__samples_total(samples, expression) -%}
  list_sum(list_transform({{ samples }}, lambda s: {{ expression }}))
{%- endmacro %}

{# A 64-bit fingerprint of some columns. Equal columns have equal fingerprints; the reverse must be checked. #}
{% macro fingerprint(columns) -%}
  {{ return(adapter.dispatch('fingerprint', 'sensor_platform')(columns)) }}
{%- endmacro %}

{% macro duckdb__fingerprint(columns) -%}
  hash({{ columns | join(', ') }})
{%- endmacro %}

{% macro is_finite(value) -%}
  {{ return(adapter.dispatch('is_finite', 'sensor_platform')(value)) }}
{%- endmacro %}

{% macro duckdb__is_finite(value) -%}
  isfinite({{ value }})
{%- endmacro %}

{#
  A piece of a series is 60 consecutive windows. The number of its windows that have rows is counted with 64 bits, several times
  as fast as counting the windows themselves. A piece with as many windows as rows has one row in each window.
#}
{% macro piece_fingerprint(series, instant, seconds) -%}
  {{ fingerprint(series + [window_floor(instant, seconds=60 * seconds)]) }}
{%- endmacro %}

{# How many of the 60 windows of `seconds` in its piece the rows of a group lie in. #}
{% macro windows_of_piece(instant, seconds) -%}
  {{ return(adapter.dispatch('windows_of_piece', 'sensor_platform')(instant, seconds)) }}
{%- endmacro %}

{% macro duckdb__windows_of_piece(instant, seconds) -%}
  bit_count(bit_or(cast(1 as bigint) << cast(
            (epoch_us({{ instant }}) - epoch_us({{ window_floor(instant, seconds=60 * seconds) }})) // {{ seconds * 1000000 }} as integer
        )))
{%- endmacro %}
