{#
  The work list: which windows of which model this invocation rebuilds. `sensor-platform` writes it into the table `work`, stamped
  with the invocation that it is for. Without a list of this invocation (a plain `dbt build`) everything is built.
#}

{# True if this invocation has a work list. #}
{% macro has_work() -%}
  {%- if not execute or not var('invocation') -%}
    {{ return(false) }}
  {%- endif -%}
  {%- set stamped = run_query("select 1 from work_stamp where invocation = '" ~ var('invocation') ~ "'") -%}
  {{ return(stamped | length > 0) }}
{%- endmacro %}

{#
  Condition: the window that starts at `window_start` is rebuilt by this invocation. The bounds are literals, so that the
  engine skips data outside of them without reading it, however long the history.
#}
{% macro in_work(window_start, model_name=none) -%}
  {%- set name = model_name or this.identifier -%}
  {%- if has_work() -%}
    {%- set bounds = work_bounds(name) -%}
    {%- if bounds[0] is none -%}
    false
    {%- else -%}
    {{ window_start }} >= {{ timestamp_literal(bounds[0]) }}
        and {{ window_start }} <= {{ timestamp_literal(bounds[1]) }}
        and {{ window_start }} in (select work.window_start from work where work.model = '{{ name }}')
    {%- endif -%}
  {%- else -%}
    true
  {%- endif -%}
{%- endmacro %}

{# First and last window of the work list of a model; none for no work. #}
{% macro work_bounds(name) -%}
  {{ return(run_query("select min(window_start), max(window_start) from work where model = '" ~ name ~ "'")[0]) }}
{%- endmacro %}

{# Condition: `instant` lies in a window that this invocation rebuilds. `grain` is the model's own where it is left out. #}
{% macro in_work_windows(instant, grain=none, model_name=none) -%}
  {%- set name = model_name or this.identifier -%}
  {%- if has_work() -%}
    {%- set grain = grain or config.get('meta')['grain'] -%}
    {%- set bounds = work_bounds(name) -%}
    {%- if bounds[0] is none -%}
    false
    {%- else -%}
    {{ instant }} >= {{ timestamp_literal(bounds[0]) }}
        and {{ instant }} < {{ timestamp_literal(bounds[1]) }} + {{ grain_length(grain) }}
        and {{ window_floor(instant, minutes={'slot': var('slot_minutes'), 'hour': 60, 'day': 1440}[grain]) }}
            in (select work.window_start from work where work.model = '{{ name }}')
    {%- endif -%}
  {%- else -%}
    true
  {%- endif -%}
{%- endmacro %}

{#
  Condition: `instant` lies in the windows that this invocation rebuilds or within the model's look-back before them. It may hold
  for more than that: restrict the result with `in_work` too.
#}
{% macro in_reach_of_work(instant) -%}
  {%- if has_work() -%}
    {%- set meta = config.get('meta') -%}
    {%- set bounds = work_bounds(this.identifier) -%}
    {%- if bounds[0] is none -%}
    false
    {%- else -%}
    {{ instant }} >= {{ timestamp_literal(bounds[0]) }} - {{ seconds_interval(reach_seconds(meta)) }}
        and {{ instant }} < {{ timestamp_literal(bounds[1]) }} + {{ grain_length(meta['grain']) }}
    {%- endif -%}
  {%- else -%}
    true
  {%- endif -%}
{%- endmacro %}

{# Look-back of a model in seconds, as its meta declares. #}
{% macro reach_seconds(meta) -%}
  {{ return(meta.get('reach_hours', 0) * 3600 + meta.get('reach_slots', 0) * var('slot_minutes') * 60) }}
{%- endmacro %}

{# Column that holds the start of a row's window, as the model's meta declares. #}
{% macro own_window_column() -%}
  {{ return(config.get('meta').get('window_column', 'window_start')) }}
{%- endmacro %}

{# One delete and one insert: all windows of the work list are deleted first, so that a window without rows becomes empty. #}
{% macro get_incremental_replace_window_sql(arg_dict) -%}
  {%- set target = arg_dict['target_relation'] -%}
  delete from {{ target }} where {{ in_work(own_window_column()) }};
  {{ insert_by_name(target, arg_dict['temp_relation']) }}
{%- endmacro %}

{# Columns are matched by name: a column that the rows lack (a metric that is gone) stays null. #}
{% macro insert_by_name(target, source) -%}
  {{ return(adapter.dispatch('insert_by_name', 'sensor_platform')(target, source)) }}
{%- endmacro %}

{% macro duckdb__insert_by_name(target, source) -%}
  insert into {{ target }} by name select * from {{ source }}
{%- endmacro %}

{# The rows of a run go straight into the table: between the model's query and its insert there is a view, not a copy. #}
{% macro duckdb__create_table_as(temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none) -%}
  {%- if temporary and config.get('incremental_strategy') == 'replace_window' -%}
    create temporary view {{ relation.include(database=false, schema=false) }} as ({{ compiled_code }})
  {%- else -%}
    {{ return(dbt.duckdb__create_table_as(temporary, relation, compiled_code, language, partitioned_by, sorted_by)) }}
  {%- endif -%}
{%- endmacro %}

{#
  Records the state of the rebuilt windows, in the transaction of their rows. A child records the newest position that its parents
  have, so that a parent that was not built leaves it dirty. Runs on a model's first build too, where the strategy above does
  not.
#}
{% macro record_state() -%}
  {%- set name = this.identifier -%}
  {%- if has_work() -%}
  delete from state where model = '{{ name }}' and {{ in_work('window_start') }};
  insert into state (model, window_start, generation, position)
  {%- if config.get('meta')['parents'] %}
  {{ state_of_parents(name, config.get('meta')) }}
  {%- else %}
  select work.model, work.window_start, work.generation, work.position from work where work.model = '{{ name }}'
  {%- endif %};
  {%- if config.get('meta').get('is_published', true) %}
  insert into unpublished (model, window_start) select work.model, work.window_start from work where work.model = '{{ name }}'
  {%- endif %}
  {%- else -%}
  delete from state where model = '{{ name }}'
  {%- endif -%}
{%- endmacro %}

{# For each window of the work list: the newest position of the parents' windows within it and its look-back, and their generation if they agree. #}
{% macro state_of_parents(name, meta) -%}
  {%- set reach = ' - ' ~ seconds_interval(reach_seconds(meta)) if reach_seconds(meta) else '' %}
  select
    work.model,
    work.window_start,
    case when min(parent.generation) <> max(parent.generation) then '' else coalesce(max(parent.generation), work.generation) end,
    coalesce(max(parent.position), 0)
  from work
  left join state as parent
    on parent.model in ('{{ meta['parents'] | join("', '") }}')
    {%- if meta['grain'] != 'whole' %}
    and parent.window_start >= work.window_start{{ reach }}
    and parent.window_start < work.window_start + {{ grain_length(meta['grain']) }}
    {%- endif %}
  where work.model = '{{ name }}'
  group by work.model, work.window_start, work.generation
{%- endmacro %}
