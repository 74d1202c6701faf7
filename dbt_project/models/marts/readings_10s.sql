{{
  config(
    pre_hook="{{ remember_final_rows() }}",
    post_hook="{{ raise_revisions() }}",
    meta={
      'grain': 'slot',
      'parents': ['readings_clean'],
      'window_column': 'slot_start',
      'tier_seconds': 10,
      'freshness': {'warn_minutes': 15, 'fail_minutes': 30},
      'retention': 'readings_10s_days',
      'proved_by': 'readings_1h',
    }
  )
}}
{%- set kinds = metric_kinds_in_use() %}
{%- set key = ['readings.device_id', 'readings.metric', 'readings.window_start'] %}
{%- set shape = shape_of_windows(ref('readings_clean'), 'event_at', 10, in_work('slot_start'), 'value is not null') %}

with readings as {{ read_again() if shape == 'sparse' }} (

    select
        *,
        {{ window_floor('event_at', seconds=10) }} as window_start
    from {{ ref('readings_clean') }}
    where
        value is not null
        and {{ in_work('slot_start') }}

),

{% if shape == 'sparse' -%}
{{ shared_windows('readings', key) }}

{% endif -%}
{% if shape != 'single' -%}
grouped as (

    select
        device_id,
        metric,
        window_start,
        count(case when verdict <> 'bad' then 1 end) as n,
        min(case when verdict <> 'bad' then value end) as min,
        max(case when verdict <> 'bad' then value end) as max,
        min(case when verdict <> 'bad' then event_at end) as first_at,
        max(case when verdict <> 'bad' then event_at end) as last_at,
        {{ value_at_first('value', 'event_at', "verdict <> 'bad'") }} as a_first,
        {{ value_at_last('value', 'event_at', "verdict <> 'bad'") }} as a_last,
        max(case when rule is distinct from 'retained_without_time' then received_at end) as last_received_at,
        count(case when verdict = 'bad' then 1 end) as bad_n,
        count(case when verdict = 'uncertain' then 1 end) as uncertain_n,
        count(case when is_late then 1 end) as late_n
    from readings
    {%- if shape == 'sparse' %}
    where {{ fingerprint(key) }} in (select window_key from shared)
    {%- endif %}
    group by device_id, metric, window_start

),

{# One or two readings have the same sum in any order: only windows with more are read again. -#}
scaled as (

    select
        *,
        min / 2 + max / 2 as center,
        {{ scale_of('greatest(abs(min), abs(max))', 'value') }},
        {{ scale_of('(max - min) * (max - min)', 'square') }}
    from grouped
    where n > 2

),

several as (

    select
        readings.device_id,
        readings.metric,
        readings.window_start,
        {{ exact_sum('value', 'value') }} as value_steps,
        {{ exact_sum(square_of('value', 'max - min'), 'square') }} as square_steps,
        min(case when event_at = first_at then value end) as first,
        max(case when event_at = last_at then value end) as last,
        min(case when event_at > first_at then event_at end) as second_at
    from readings
    inner join scaled
        on scaled.device_id = readings.device_id
        and scaled.metric = readings.metric
        and scaled.window_start = readings.window_start
    where readings.verdict <> 'bad'
    group by readings.device_id, readings.metric, readings.window_start

),

summed as (

    select
        scaled.*,
        {{ from_steps('several.value_steps', 'value') }} as sum,
        {{ from_steps('several.square_steps', 'square') }} as squares,
        several.first,
        several.last,
        several.second_at
    from scaled
    inner join several
        on several.device_id = scaled.device_id
        and several.metric = scaled.metric
        and several.window_start = scaled.window_start

),

{% endif -%}
{%- set carried = [
    'device_id', 'metric', 'window_start', 'n', 'min', 'max', 'first_at', 'last_at', 'last_received_at', 'bad_n', 'uncertain_n',
    'late_n'
] %}

added as (

    {%- if shape != 'single' %}

    select
        {{ carried | join(', ') }},
        case when n = 1 then min when n = 2 then min + max end as sum,
        case when first_at = last_at then min else a_first end as first,
        case when first_at = last_at then max else a_last end as last,
        {{ seconds_between('first_at', 'case when last_at > first_at then last_at end') }} as spacing_s,
        {{ deviations('0', 'n', '(min + max) / n', 'min', 'max - min', 'false') }} as m2
    from grouped
    where n <= 2
    union all
    select
        {{ carried | join(', ') }},
        sum,
        first,
        last,
        {{ seconds_between('first_at', 'second_at') }} as spacing_s,
        {{ deviations('squares', 'n', 'sum / n', 'center', 'max - min', 'true') }} as m2
    from summed
    {%- endif %}
    {%- if shape == 'sparse' %}
    union all
    {%- endif %}
    {%- if shape != 'dense' %}
    select
        device_id,
        metric,
        window_start,
        cast(case when verdict <> 'bad' then 1 else 0 end as bigint) as n,
        case when verdict <> 'bad' then value end as min,
        case when verdict <> 'bad' then value end as max,
        case when verdict <> 'bad' then event_at end as first_at,
        case when verdict <> 'bad' then event_at end as last_at,
        case when rule is distinct from 'retained_without_time' then received_at end as last_received_at,
        cast(case when verdict = 'bad' then 1 else 0 end as bigint) as bad_n,
        cast(case when verdict = 'uncertain' then 1 else 0 end as bigint) as uncertain_n,
        cast(case when is_late then 1 else 0 end as bigint) as late_n,
        case when verdict <> 'bad' then value end as sum,
        case when verdict <> 'bad' then value end as first,
        case when verdict <> 'bad' then value end as last,
        cast(null as double) as spacing_s,
        case when verdict <> 'bad' then cast(0 as double) end as m2
    from readings
    {%- if shape == 'sparse' %}
    where {{ fingerprint(key) }} not in (select window_key from shared)
    {%- endif %}
    {%- endif %}

),

{{ metric_kind_lists(kinds, 'readings', 'readings', 'window_start') }}
described as (

    select
        added.*,
        {{ window_floor('added.window_start', minutes=var('slot_minutes')) }} as slot_start,
        added.sum / nullif(n, 0) as mean
        {{- metric_kind_expressions(kinds, 'readings') }}
    from added
    {{- metric_kind_joins(kinds, 'window_start') }}

)

select
    {{ tier_columns(keep_slot=true) }}
from described
