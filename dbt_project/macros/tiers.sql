{# The columns that every tier ends with; `m2` is the sum of squared deviations from the mean, which adds up exactly over windows. #}
{% macro tier_columns(keep_slot) -%}
    device_id,
    metric,
    {%- if keep_slot %}
    slot_start,
    {%- endif %}
    window_start,
    n,
    sum,
    min,
    max,
    mean,
    m2,
    case when n > 1 then sqrt(m2 / (n - 1)) end as stddev,
    first,
    last,
    first_at,
    last_at,
    last_received_at,
    bad_n,
    uncertain_n,
    late_n,
    spacing_s,
    {{ metric_kind_columns() | join(',\n    ') }},
    increase / nullif({{ seconds_between('first_at', 'last_at') }}, 0) as rate,
    cast(0 as integer) as revision
{%- endmacro %}

{#
  A tier from the next finer one: counts, sums and squared deviations are carried, never a mean of means. What a counter
  counted between the last reading of a part and the first of the next is added, so that nothing is counted twice or omitted.
  `minutes` is the length of the coarser window, `condition` restricts the finer rows to those of the run.
#}
{% macro coarser_tier(finer, minutes, condition, keep_slot=false) -%}
{%- set kinds = metric_kinds_in_use() -%}
{%- set key = ['finer.device_id', 'finer.metric', 'finer.coarse_start'] -%}
{%- set shape = shape_of_windows(finer, 'window_start', 60 * minutes, condition) -%}
with finer as {{ read_again() if shape != 'single' }} (

    select
        *,
        {{ window_floor('window_start', minutes=minutes) }} as coarse_start
    from {{ finer }}
    where {{ condition }}

),

{% if shape == 'sparse' -%}
{{ shared_windows('finer', key) }}

{% endif -%}
{% if shape != 'single' -%}
grouped as (

    select
        device_id,
        metric,
        coarse_start as window_start,
        cast(sum(n) as bigint) as n,
        count(case when n > 0 then 1 end) as parts_n,
        min(min) as min,
        max(max) as max,
        min(first_at) as first_at,
        max(last_at) as last_at,
        {{ value_at_first('first', 'finer.window_start', 'n > 0') }} as first,
        {{ value_at_last('last', 'finer.window_start', 'n > 0') }} as last,
        max(last_received_at) as last_received_at,
        cast(sum(bad_n) as bigint) as bad_n,
        cast(sum(uncertain_n) as bigint) as uncertain_n,
        cast(sum(late_n) as bigint) as late_n,
        max(sum) as a_sum,
        max(abs(sum)) as most_sum,
        max(m2) as most_m2,
        max(spacing_s) as a_spacing_s
    from finer
    {%- if shape == 'sparse' %}
    where {{ fingerprint(key) }} in (select window_key from shared)
    {%- endif %}
    group by device_id, metric, coarse_start

),

{# A window of one part equals that part; only the others are read again. -#}
scaled as (

    select
        *,
        min / 2 + max / 2 as center,
        {{ scale_of('most_sum', 'value') }},
        {{ scale_of('n * ((max - min) * (max - min))', 'square') }}
    from grouped
    where parts_n > 1

),

several as (

    select
        finer.device_id,
        finer.metric,
        finer.coarse_start,
        {{ exact_sum('case when ' ~ is_finite('scaled.most_sum') ~ ' then finer.sum else 0 end', 'value') }} as value_steps,
        sum(case when not {{ is_finite('scaled.most_sum') }} then finer.sum end) as beyond,
        {{ exact_sum('case when ' ~ is_finite('scaled.most_m2') ~ ' and ' ~ is_finite('scaled.n * ((scaled.max - scaled.min) * (scaled.max - scaled.min))')
           ~ ' then finer.m2 + finer.n * ((finer.mean - center) * (finer.mean - center)) else 0 end', 'square') }} as square_steps,
        median(finer.spacing_s) as spacing_within_s,
        min(case when finer.first_at > scaled.first_at then finer.first_at end) as second_at
    from finer
    inner join scaled
        on scaled.device_id = finer.device_id
        and scaled.metric = finer.metric
        and scaled.window_start = finer.coarse_start
    where finer.n > 0
    group by finer.device_id, finer.metric, finer.coarse_start

),

summed as (

    select
        scaled.*,
        case
            when {{ is_finite('most_sum') }} then {{ from_steps('several.value_steps', 'value') }}
            else several.beyond
        end as sum,
        {{ from_steps('several.square_steps', 'square') }} as squares,
        coalesce(several.spacing_within_s, {{ seconds_between('first_at', 'several.second_at') }}) as spacing_s
    from scaled
    inner join several
        on several.device_id = scaled.device_id
        and several.metric = scaled.metric
        and several.coarse_start = scaled.window_start

),

{% endif -%}
{%- set carried = [
    'device_id', 'metric', 'window_start', 'n', 'min', 'max', 'first_at', 'last_at', 'first', 'last', 'last_received_at', 'bad_n',
    'uncertain_n', 'late_n'
] %}

added as (

    {%- if shape != 'single' %}

    select
        {{ carried | join(', ') }},
        a_sum as sum,
        a_spacing_s as spacing_s,
        most_m2 as m2
    from grouped
    where parts_n <= 1
    union all
    select
        {{ carried | join(', ') }},
        sum,
        spacing_s,
        case
            when not {{ is_finite('most_m2') }} then {{ infinity() }}
            else {{ deviations('squares', 'n', 'sum / n', 'center', 'max - min', 'true') }}
        end as m2
    from summed
    {%- endif %}
    {%- if shape == 'sparse' %}
    union all
    {%- endif %}
    {%- if shape != 'dense' %}
    select
        device_id, metric, coarse_start as window_start, {{ carried[3:] | join(', ') }},
        sum,
        spacing_s,
        m2
    from finer
    {%- if shape == 'sparse' %}
    where {{ fingerprint(key) }} not in (select window_key from shared)
    {%- endif %}
    {%- endif %}

),

{{ metric_kind_lists(kinds, 'windows', 'finer', 'coarse_start') }}
described as (

    select
        added.*,
        {%- if keep_slot %}
        {{ window_floor('added.window_start', minutes=var('slot_minutes')) }} as slot_start,
        {%- endif %}
        added.sum / nullif(n, 0) as mean
        {{- metric_kind_expressions(kinds, 'windows') }}
    from added
    {{- metric_kind_joins(kinds, 'coarse_start') }}

)

select
    {{ tier_columns(keep_slot) }}
from described
{%- endmacro %}

{#
  How many rows the windows of the work have: `single` if each has one, `sparse` if most of the newest have one, else `dense`.
  A row that is a window of its own is copied instead of grouped. The result is the same for each shape, to the last bit. `in_run` restricts the rows to those of the run.
#}
{% macro shape_of_windows(relation, instant, seconds, in_run, condition='true') -%}
  {%- set newest = work_bounds(this.identifier)[1] if has_work() else none -%}
  {%- if newest is none -%}
    {{ return('dense') }}
  {%- endif -%}
  {%- set column = own_window_column() -%}
  {%- set in_newest = column ~ ' >= ' ~ timestamp_literal(newest) ~ ' and ' ~ column ~ ' < ' ~ timestamp_literal(newest) ~ ' + '
    ~ grain_length(config.get('meta')['grain']) -%}
  {%- set newest_counts = rows_and_windows(relation, instant, seconds, in_newest ~ ' and ' ~ condition) -%}
  {%- if 2 * newest_counts[1] <= newest_counts[0] -%}
    {{ return('dense') }}
  {%- endif -%}
  {%- set counts = rows_and_windows(relation, instant, seconds, in_run ~ ' and ' ~ condition) -%}
  {{ return('single' if counts[0] == counts[1] else 'sparse') }}
{%- endmacro %}

{# Number of rows, and number of windows that have rows: equal only if no window has two. #}
{% macro rows_and_windows(relation, instant, seconds, condition) -%}
  {%- set query -%}
    select coalesce(sum(rows_n), 0), coalesce(sum(windows_n), 0)
    from (
      select count(*) as rows_n, {{ windows_of_piece(instant, seconds) }} as windows_n
      from {{ relation }}
      where {{ condition }}
      group by {{ piece_fingerprint(['device_id', 'metric'], instant, seconds) }}
    ) as pieces
  {%- endset -%}
  {{ return(run_query(query)[0]) }}
{%- endmacro %}

{# Fingerprints of the windows with several rows; a window that shares its fingerprint with another counts as one of them. #}
{% macro shared_windows(rows, key) -%}
shared as (

    select window_key
    from (select {{ fingerprint(key) }} as window_key from {{ rows }}) as keys
    group by window_key
    having count(*) > 1

),
{%- endmacro %}

{# Marks a part of the query that is cheaper to read twice than to keep in memory. #}
{% macro read_again() -%}
  {{ return(adapter.dispatch('read_again', 'sensor_platform')()) }}
{%- endmacro %}

{% macro default__read_again() -%}
{%- endmacro %}

{% macro duckdb__read_again() -%}
  not materialized
{%- endmacro %}

{# A value where `at` is least or greatest; any one of several that share that instant. #}
{% macro value_at_first(value, at, condition) -%}
  {{ return(adapter.dispatch('value_at_first', 'sensor_platform')(value, at, condition)) }}
{%- endmacro %}

{% macro duckdb__value_at_first(value, at, condition) -%}
  arg_min({{ value }}, {{ at }}) filter (where {{ condition }})
{%- endmacro %}

{% macro value_at_last(value, at, condition) -%}
  {{ return(adapter.dispatch('value_at_last', 'sensor_platform')(value, at, condition)) }}
{%- endmacro %}

{% macro duckdb__value_at_last(value, at, condition) -%}
  arg_max({{ value }}, {{ at }}) filter (where {{ condition }})
{%- endmacro %}
