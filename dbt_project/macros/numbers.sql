{#
  Sums that do not depend on the order in which threads bring the rows. The samples of a group are collected, sorted in time
  and added one after the other: the same rows give the same bits, whether a day was built alone or within a year. Exact
  decimals would do so too, but they overflow for large values and lose tiny ones; sorted doubles do neither, at any magnitude.
  A sample is a pair of (at, value); what shares its instant is ordered by value.
#}

{# The samples of a group that meet `condition`, in time; null for none. #}
{% macro samples_in_time(at, value, condition) -%}
  {{ return(adapter.dispatch('samples_in_time', 'sensor_platform')(at, value, condition)) }}
{%- endmacro %}

{% macro duckdb__samples_in_time(at, value, condition) -%}
  list_sort(list({'at': {{ at }}, 'value': {{ value }}}) filter (where {{ condition }}))
{%- endmacro %}

{% macro samples_n(samples) -%}
  {{ return(adapter.dispatch('samples_n', 'sensor_platform')(samples)) }}
{%- endmacro %}

{% macro duckdb__samples_n(samples) -%}
  cast(coalesce(len({{ samples }}), 0) as bigint)
{%- endmacro %}

{# Total over the samples of an expression of one sample `s`, in their order. #}
{% macro samples_total(samples, expression='s.value') -%}
  {{ return(adapter.dispatch('samples_total', 'sensor_platform')(samples, expression)) }}
{%- endmacro %}

{% macro duckdb__samples_total(samples, expression) -%}
  list_sum(list_transform({{ samples }}, lambda s: {{ expression }}))
{%- endmacro %}

{% macro samples_first(samples, field='value') -%}
  {{ return(adapter.dispatch('samples_first', 'sensor_platform')(samples, field)) }}
{%- endmacro %}

{% macro duckdb__samples_first(samples, field) -%}
  {{ samples }}[1].{{ field }}
{%- endmacro %}

{% macro samples_last(samples, field='value') -%}
  {{ return(adapter.dispatch('samples_last', 'sensor_platform')(samples, field)) }}
{%- endmacro %}

{% macro duckdb__samples_last(samples, field) -%}
  {{ samples }}[-1].{{ field }}
{%- endmacro %}

{# Seconds from the first sample to the second: one spacing of each window, of which coarser tiers take the median. #}
{% macro first_spacing(samples) -%}
  {{ return(adapter.dispatch('first_spacing', 'sensor_platform')(samples)) }}
{%- endmacro %}

{% macro duckdb__first_spacing(samples) -%}
  ((epoch_us({{ samples }}[2].at) - epoch_us({{ samples }}[1].at)) / 1e6)
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
