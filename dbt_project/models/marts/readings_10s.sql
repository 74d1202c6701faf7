{{
  config(
    window_column='slot_start',
    pre_hook="{{ remember_final_rows(seconds=10) }}",
    post_hook="{{ raise_revisions() }}",
    meta={'grain': 'slot', 'parents': ['readings_clean']}
  )
}}
{%- set counters = counters() %}

with readings as (

    select
        *,
        {{ window_floor('event_at', seconds=10) }} as window_start
    from {{ ref('readings_clean') }}
    where
        value is not null
        and {{ in_work('slot_start') }}

),

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
        max(received_at) as last_received_at,
        count(case when verdict = 'bad' then 1 end) as bad_n,
        count(case when verdict = 'uncertain' then 1 end) as uncertain_n,
        count(case when is_late then 1 end) as late_n
    from readings
    group by device_id, metric, window_start

),

scaled as (

    select
        *,
        min / 2 + max / 2 as center,
        {{ scale_of('greatest(abs(min), abs(max))', 'value') }},
        {{ scale_of('(max - min) * (max - min)', 'square') }}
    from grouped

),

{# One or two readings add up the same in any order: only windows of more are looked at again. -#}
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
    where readings.verdict <> 'bad' and scaled.n > 2
    group by readings.device_id, readings.metric, readings.window_start

),

added as (

    select
        scaled.*,
        case
            when scaled.n = 1 then scaled.min
            when scaled.n = 2 then scaled.min + scaled.max
            else {{ from_steps('several.value_steps', 'value') }}
        end as sum,
        {{ from_steps('several.square_steps', 'square') }} as squares,
        case when scaled.n > 2 then several.first when first_at = last_at then scaled.min else a_first end as first,
        case when scaled.n > 2 then several.last when first_at = last_at then scaled.max else a_last end as last,
        {{ seconds_between('first_at', 'case when scaled.n > 2 then several.second_at when last_at > first_at then last_at end') }} as spacing_s
    from scaled
    left join several
        on several.device_id = scaled.device_id
        and several.metric = scaled.metric
        and several.window_start = scaled.window_start

),

{% if counters -%}
counted as (

    select
        device_id,
        metric,
        window_start,
        {{ samples_in_time('event_at', 'value', "verdict <> 'bad'") }} as samples
    from readings
    where metric in ({{ counters | join(', ') }})
    group by device_id, metric, window_start

),

{% endif -%}
described as (

    select
        added.*,
        {{ window_floor('added.window_start', minutes=var('slot_minutes')) }} as slot_start,
        added.sum / nullif(n, 0) as mean,
        {{ deviations('squares', 'n', 'added.sum / n', 'center', 'max - min', 'n > 2') }} as m2,
        {%- if counters %}
        {{ counted_between('counted.samples') }} as increase,
        {{ resets_between('counted.samples') }} as resets_n
        {%- else %}
        cast(null as double) as increase,
        cast(null as bigint) as resets_n
        {%- endif %}
    from added
    {%- if counters %}
    left join counted
        on counted.device_id = added.device_id
        and counted.metric = added.metric
        and counted.window_start = added.window_start
    {%- endif %}

)

select
    {{ tier_columns(keep_slot=true) }}
from described
