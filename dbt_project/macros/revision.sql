{#
  The revision of a row: 0 for the first build, one more whenever a build changes a row that was published as final. Before the
  rows of a run are replaced, those of final windows are saved; afterwards they are compared. Windows that are not final, which
  is all that live data touches, cost nothing. See docs/adr/0004-finality-and-revision.md.
#}

{% macro content_columns() -%}
  {{ return([
    'n', 'sum', 'min', 'max', 'm2', 'first', 'last', 'first_at', 'last_at', 'last_received_at', 'bad_n', 'uncertain_n',
    'late_n', 'spacing_s'
  ] + (metric_kind_columns() | list)) }}
{%- endmacro %}

{# Pre-hook of a tier, in the transaction of the rows. #}
{% macro remember_final_rows() -%}
  {%- set final = final_before() if has_work() else none -%}
  {%- set existing = adapter.get_relation(this.database, this.schema, this.identifier) if execute else none -%}
  create or replace temporary table final_rows as
  {%- if final and existing %}
  select
    device_id,
    metric,
    window_start,
    coalesce(revision, 0) as revision,
    {{ fingerprint(existing_content(existing)) }} as content
  from {{ this }}
  where window_start <= {{ final }} - {{ seconds_interval(config.get('meta')['tier_seconds']) }} and {{ in_work(own_window_column()) }}
  {%- else %}
  select '' as device_id, '' as metric, cast(null as timestamp) as window_start, 0 as revision, {{ fingerprint(["''"]) }} as content
  where false
  {%- endif %};
  {%- if has_work() and is_seeded() %}
  insert into final_rows
  select seed.device_id, seed.metric, seed.window_start, seed.revision, null
  from revision_seed as seed
  left join final_rows as known
    on known.device_id = seed.device_id and known.metric = seed.metric and known.window_start = seed.window_start
  where
    seed.model = '{{ this.identifier }}'
    and known.device_id is null
    and {{ in_work(window_floor('seed.window_start', minutes=var('slot_minutes')) if config.get('meta')['grain'] == 'slot' else 'seed.window_start') }};
  {%- endif %}
{%- endmacro %}

{# Post-hook, in the same transaction. #}
{% macro raise_revisions() -%}
  {%- if execute and has_work() and run_query('select 1 from final_rows limit 1') | length > 0 -%}
  update {{ this }} as tier
  set revision = final_rows.revision + case when final_rows.content <> {{ fingerprint(qualified('tier', content_columns())) }} then 1 else 0 end
  from final_rows
  where
    tier.device_id = final_rows.device_id
    and tier.metric = final_rows.metric
    and tier.window_start = final_rows.window_start
    and {{ in_work('tier.' ~ own_window_column()) }}
    and (final_rows.revision > 0 or final_rows.content <> {{ fingerprint(qualified('tier', content_columns())) }})
  {%- endif -%}
{%- endmacro %}

{# The content columns of a table from before a kind of metric was added: that kind's columns are null in it. #}
{% macro existing_content(relation) -%}
  {%- set known = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
  {%- set types = metric_kind_columns() -%}
  {%- set found = [] -%}
  {%- for column in content_columns() -%}
    {%- do found.append(column if column in known else 'cast(null as ' ~ types[column] ~ ')') -%}
  {%- endfor -%}
  {{ return(found) }}
{%- endmacro %}

{% macro qualified(table, columns) -%}
  {%- set found = [] -%}
  {%- for column in columns -%}{%- do found.append(table ~ '.' ~ column) -%}{%- endfor -%}
  {{ return(found) }}
{%- endmacro %}

{# Windows that ended before this instant were published as final when this run began; none if no window was. #}
{% macro final_before() -%}
  {%- set found = run_query('select max(final_before) from work_final')[0][0] -%}
  {{ return(timestamp_literal(found) if found else none) }}
{%- endmacro %}

{# Whether revisions of an earlier warehouse must be taken over. #}
{% macro is_seeded() -%}
  {{ return(run_query("select 1 from revision_seed where model = '" ~ this.identifier ~ "' limit 1") | length > 0) }}
{%- endmacro %}
