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
    increase,
    resets_n,
    increase / nullif({{ seconds_between('first_at', 'last_at') }}, 0) as rate,
    cast(0 as integer) as revision
{%- endmacro %}

{#
  A tier from the next finer one: counts, sums and squared deviations are carried, never a mean of means. What a counter
  counted between the last reading of a part and the first of the next is added, so that nothing is counted twice or left out.
  `minutes` is the length of the coarser window, `condition` restricts the finer rows to those of the run.
#}
{% macro coarser_tier(finer, minutes, condition, keep_slot=false) -%}
with finer as (

    select
        *,
        {{ window_floor('window_start', minutes=minutes) }} as coarse_start
    from {{ finer }}
    where {{ condition }}

),

collected as (

    select
        device_id,
        metric,
        {%- if keep_slot %}
        slot_start,
        {%- endif %}
        coarse_start as window_start,
        {{ parts_in_time() }} as parts,
        {{ counter_parts_in_time() }} as counted,
        {{ value_at_first('first', 'finer.window_start', 'n > 0') }} as first,
        {{ value_at_last('last', 'finer.window_start', 'n > 0') }} as last,
        cast(sum(n) as bigint) as n,
        min(min) as min,
        max(max) as max,
        min(first_at) as first_at,
        max(last_at) as last_at,
        max(last_received_at) as last_received_at,
        cast(sum(bad_n) as bigint) as bad_n,
        cast(sum(uncertain_n) as bigint) as uncertain_n,
        cast(sum(late_n) as bigint) as late_n
    from finer
    group by device_id, metric, {% if keep_slot %}slot_start, {% endif %}coarse_start

),

summed as (

    select
        *,
        {{ samples_total('parts', 's.total') }} as sum,
        {{ samples_total('parts', 's.total') }} / nullif(n, 0) as mean,
        {{ median_spacing('parts') }} as spacing_s,
        {{ counted_within('counted', 's.increase') }} + {{ counted_between('counted', 'first', 'last') }} as increase,
        cast({{ counted_within('counted', 's.resets_n') }} + {{ resets_between('counted', 'first', 'last') }} as bigint) as resets_n
    from collected

),

described as (

    select
        *,
        {{ samples_total('parts', 's.m2 + s.n * (s.total / s.n - mean) * (s.total / s.n - mean)') }} as m2
    from summed

)

select
    {{ tier_columns(keep_slot) }}
from described
{%- endmacro %}

{# The finer windows of a group that have values, in time. #}
{% macro parts_in_time() -%}
  {{ return(adapter.dispatch('parts_in_time', 'sensor_platform')()) }}
{%- endmacro %}

{% macro duckdb__parts_in_time() -%}
  list_sort(list({
            'at': finer.window_start, 'n': n, 'total': sum, 'm2': m2,
            'first_at': finer.first_at, 'last_at': finer.last_at, 'spacing_s': finer.spacing_s
        }) filter (where n > 0))
{%- endmacro %}

{# Those of a counter; null for other metrics. #}
{% macro counter_parts_in_time() -%}
  {{ return(adapter.dispatch('counter_parts_in_time', 'sensor_platform')()) }}
{%- endmacro %}

{% macro duckdb__counter_parts_in_time() -%}
  list_sort(list({
            'at': finer.window_start, 'first': finer.first, 'last': finer.last,
            'increase': finer.increase, 'resets_n': finer.resets_n
        }) filter (where finer.increase is not null))
{%- endmacro %}

{# Median of the spacings within the parts and from each part to the next, in seconds; null where there are none. #}
{% macro median_spacing(parts) -%}
  {{ return(adapter.dispatch('median_spacing', 'sensor_platform')(parts)) }}
{%- endmacro %}

{% macro duckdb__median_spacing(parts) -%}
  case
            when len({{ parts }}) = 1 then {{ parts }}[1].spacing_s
            else list_median(list_concat(
                list_filter(list_transform({{ parts }}, lambda p: p.spacing_s), lambda x: x is not null),
                list_transform(
                    range(2, len({{ parts }}) + 1),
                    lambda i: (epoch_us({{ parts }}[i].first_at) - epoch_us({{ parts }}[i - 1].last_at)) / 1e6
                )
            ))
        end
{%- endmacro %}

{# A value where `at` is least or greatest. Windows of one series never share their start, so there are no ties. #}
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
