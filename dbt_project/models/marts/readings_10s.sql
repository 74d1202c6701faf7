{{
  config(
    window_column='slot_start',
    pre_hook="{{ remember_final_rows(seconds=10) }}",
    post_hook="{{ raise_revisions() }}",
    meta={'grain': 'slot', 'parents': ['readings_clean']}
  )
}}

with readings as (

    select
        *,
        {{ window_floor('event_at', seconds=10) }} as window_start
    from {{ ref('readings_clean') }}
    where
        value is not null
        and {{ in_work('slot_start') }}

),

collected as (

    select
        device_id,
        metric,
        slot_start,
        window_start,
        {{ samples_in_time('event_at', 'value', "verdict <> 'bad'") }} as samples,
        min(case when verdict <> 'bad' then value end) as min,
        max(case when verdict <> 'bad' then value end) as max,
        max(received_at) as last_received_at,
        count(case when verdict = 'bad' then 1 end) as bad_n,
        count(case when verdict = 'uncertain' then 1 end) as uncertain_n,
        count(case when is_late then 1 end) as late_n
    from readings
    group by device_id, metric, slot_start, window_start

),

metrics as (

    select * from {{ source('catalog', 'metrics') }}

),

with_counters as (

    select
        collected.*,
        case when metrics.kind = 'counter' and collected.samples is not null then collected.samples end as counted
    from collected
    left join metrics on metrics.metric = collected.metric

),

summed as (

    select
        *,
        {{ samples_n('samples') }} as n,
        {{ samples_total('samples') }} as sum,
        {{ samples_total('samples') }} / nullif({{ samples_n('samples') }}, 0) as mean,
        {{ samples_first('samples') }} as first,
        {{ samples_last('samples') }} as last,
        {{ samples_first('samples', 'at') }} as first_at,
        {{ samples_last('samples', 'at') }} as last_at,
        {{ first_spacing('samples') }} as spacing_s,
        {{ counted_between('counted') }} as increase,
        {{ resets_between('counted') }} as resets_n
    from with_counters

),

described as (

    select
        *,
        {{ samples_total('samples', '(s.value - mean) * (s.value - mean)') }} as m2
    from summed

)

select
    {{ tier_columns(keep_slot=true) }}
from described
