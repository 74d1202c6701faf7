{#
  Kinds of metrics. The table of kinds is the variable `metric_kinds` of dbt_project.yml: each kind and the columns that it adds to
  every tier, with their types. A kind with columns has a file in `macros/metric_kinds/` with two macros, which return an
  expression for each column:
    <kind>_from_readings(samples)  over the usable readings of a window, a list of {at, value} in time;
    <kind>_from_windows(parts)     over its finer windows, a list in time of {at, n, first, last, min, max} and the kind's columns.
  The columns are null in rows of other kinds.
#}

{# Columns of all kinds with their types, in the order of the table. #}
{% macro metric_kind_columns() -%}
  {%- set found = {} -%}
  {%- for columns in var('metric_kinds').values() -%}{%- do found.update(columns or {}) -%}{%- endfor -%}
  {{ return(found) }}
{%- endmacro %}

{# Kinds with columns that a metric of the catalog has: name, columns, and those metrics as SQL literals. #}
{% macro metric_kinds_in_use() -%}
  {%- set found = [] -%}
  {%- for kind, columns in var('metric_kinds').items() if columns -%}
    {%- set metrics = metrics_that("kind = " ~ text_literal(kind)) -%}
    {%- if metrics -%}{%- do found.append({'name': kind, 'columns': columns, 'metrics': metrics}) -%}{%- endif -%}
  {%- endfor -%}
  {{ return(found) }}
{%- endmacro %}

{# For each kind a part of the query: the rows of each window as a list. `level` is `readings` or `windows`. #}
{% macro metric_kind_lists(kinds, level, rows, window) -%}
{%- for kind in kinds %}
{{ kind.name }}_rows as (

    select
        device_id,
        metric,
        {{ window }},
        {% if level == 'readings' -%}
        {{ samples_in_time('event_at', 'value', "verdict <> 'bad'") }} as in_time
        {%- else -%}
        {{ parts_in_time(rows, kind.columns) }} as in_time
        {%- endif %}
    from {{ rows }}
    where metric in ({{ kind.metrics | join(', ') }})
    group by device_id, metric, {{ window }}

),
{% endfor -%}
{%- endmacro %}

{# The columns of all kinds, null where no metric has the kind. #}
{% macro metric_kind_expressions(kinds, level) -%}
{%- set found = {} -%}
{%- for kind in kinds -%}
  {%- do found.update(context[kind.name ~ '_from_' ~ level](kind.name ~ '_rows.in_time')) -%}
{%- endfor -%}
{%- for name, type in metric_kind_columns().items() %},
        {{ found[name] if name in found else 'cast(null as ' ~ type ~ ')' }} as {{ name }}
{%- endfor %}
{%- endmacro %}

{% macro metric_kind_joins(kinds, window) -%}
{%- for kind in kinds %}
    left join {{ kind.name }}_rows
        on {{ kind.name }}_rows.device_id = added.device_id
        and {{ kind.name }}_rows.metric = added.metric
        and {{ kind.name }}_rows.{{ window }} = added.window_start
{%- endfor %}
{%- endmacro %}

{# The finer windows of a group that have usable readings, in time, with the columns of a kind; null for none. #}
{% macro parts_in_time(rows, columns) -%}
  {{ return(adapter.dispatch('parts_in_time', 'sensor_platform')(rows, columns)) }}
{%- endmacro %}

{% macro duckdb__parts_in_time(rows, columns) -%}
  {%- set fields = ["'at': " ~ rows ~ '.window_start'] -%}
  {%- for name in ['n', 'first', 'last', 'min', 'max'] + (columns | list) -%}
    {%- do fields.append("'" ~ name ~ "': " ~ rows ~ '.' ~ name) -%}
  {%- endfor -%}
  list_sort(list({{ '{' ~ fields | join(', ') ~ '}' }}) filter (where {{ rows }}.n > 0))
{%- endmacro %}
