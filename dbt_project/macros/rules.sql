{#
  Rules that compare a reading with those before it. Only readings that are usable by themselves take part: finite numbers
  within their limits that the device does not call bad. What shares an instant is ordered by value, so that no order of
  arrival can change a verdict. Both look back a bounded time, which is part of the look-back of readings_clean in the lineage.
#}

{# Sort key of the readings of a series: by time, then by value, then by arrival; the fingerprint orders those that share all of it. #}
{% macro in_time_and_content(value) -%}
  event_at, {{ value }}, received_at, segment, position, {{ fingerprint(['text', 'unit', 'quality', 'message_id', 'topic', 'tags']) }}
{%- endmacro %}

{# Names of the metrics whose verdicts look back, as SQL literals; none where no metric has such a rule. #}
{% macro metrics_looking_back() -%}
  {{ return(metrics_that('max_change_per_s is not null or stuck_after_s is not null')) }}
{%- endmacro %}

{# Metrics of the catalog that meet `condition`, as SQL literals; none where there is no warehouse (dbt docs, unit tests). #}
{% macro metrics_that(condition) -%}
  {%- set names = [] -%}
  {%- set catalog = source('catalog', 'metrics') -%}
  {%- if execute and catalog.database and adapter.get_relation(catalog.database, catalog.schema, catalog.identifier) -%}
    {%- for row in run_query('select metric from ' ~ catalog ~ ' where ' ~ condition ~ ' order by metric') -%}
      {%- do names.append(text_literal(row[0])) -%}
    {%- endfor -%}
  {%- endif -%}
  {{ return(names) }}
{%- endmacro %}

{# The newest instant of a series that lies at least `seconds` before the row's. #}
{% macro newest_at_least_before(instant, seconds) -%}
  {{ return(adapter.dispatch('newest_at_least_before', 'sensor_platform')(instant, seconds)) }}
{%- endmacro %}

{% macro duckdb__newest_at_least_before(instant, seconds) -%}
  max({{ instant }}) over (
            partition by device_id, metric, is_usable
            order by {{ instant }}
            range between unbounded preceding and to_microseconds(cast({{ seconds }} * 1e6 as bigint)) preceding
        )
{%- endmacro %}

{# Seconds from one instant to another, a double. #}
{% macro seconds_between(first, last) -%}
  {{ return(adapter.dispatch('seconds_between', 'sensor_platform')(first, last)) }}
{%- endmacro %}

{% macro duckdb__seconds_between(first, last) -%}
  ((epoch_us({{ last }}) - epoch_us({{ first }})) / 1e6)
{%- endmacro %}

{% macro seconds_interval(seconds) -%}
  {{ return(adapter.dispatch('seconds_interval', 'sensor_platform')(seconds)) }}
{%- endmacro %}

{% macro duckdb__seconds_interval(seconds) -%}
  to_microseconds(cast({{ seconds }} * 1e6 as bigint))
{%- endmacro %}
