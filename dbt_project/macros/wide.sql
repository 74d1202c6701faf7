{#
  One column per metric without a code change: the table `metric_columns` maps metrics to columns. A metric's name is
  data: quotes in it are doubled, and one that differs from a column only in case gets a number at its end.
#}

{# Every column of the wide table: metric, name, and whether this run adds it. Looks only at the hours of this run. #}
{% macro wide_columns() -%}
  {%- set registry = adapter.get_relation(this.database, this.schema, 'metric_columns') if execute -%}
  {%- if not registry -%}
    {{ return([]) }}
  {%- endif -%}
  {%- set taken = ['device_id', 'window_start', 'day'] -%}
  {%- set columns = [] -%}
  {%- for row in run_query('select metric, column_name from ' ~ registry ~ ' order by metric') -%}
    {%- do taken.append(row[1] | lower) -%}
    {%- do columns.append({'metric': row[0], 'name': row[1], 'is_new': false}) -%}
  {%- endfor -%}
  {%- for row in run_query(metrics_without_column(registry)) -%}
    {%- set name = free_name(row[0], taken) -%}
    {%- do taken.append(name | lower) -%}
    {%- do columns.append({'metric': row[0], 'name': name, 'is_new': true}) -%}
  {%- endfor -%}
  {{ return(columns) }}
{%- endmacro %}

{% macro metrics_without_column(registry) -%}
  select distinct metric
  from {{ ref('readings_1h') }}
  where {{ in_work('window_start') }}
    and metric not in (select metric from {{ registry }})
  order by metric
{%- endmacro %}

{# The name itself, or with the first number from 2 that makes it unique. #}
{% macro free_name(name, taken) -%}
  {%- set found = namespace(name=name) -%}
  {%- for number in range(2, taken | length + 3) if found.name | lower in taken -%}
    {%- set found.name = name ~ '_' ~ number -%}
  {%- endfor -%}
  {{ return(found.name) }}
{%- endmacro %}

{# Pre-hook, in the transaction of the rows: remembers the new columns and adds them to the table, if it is there already. #}
{% macro add_wide_columns() -%}
  {%- set new = wide_columns() | selectattr('is_new') | list if execute else [] -%}
  {%- set existing = adapter.get_relation(this.database, this.schema, this.identifier) if new -%}
  {%- for column in new %}
  insert into metric_columns (metric, column_name) values ({{ text_literal(column.metric) }}, {{ text_literal(column.name) }});
  {%- if existing %}
  alter table {{ this }} add column {{ identifier(column.name) }} double;
  {%- endif %}
  {%- endfor %}
{%- endmacro %}

{# `adapter.quote` puts quotes around a name, but does not double those in it. #}
{% macro identifier(name) -%}
  {{ adapter.quote(name | replace('"', '""')) }}
{%- endmacro %}

{% macro text_literal(text) -%}
  '{{ text | replace("'", "''") }}'
{%- endmacro %}
