{{
  config(
    materialized='table',
    meta={
      'grain': 'whole',
      'parents': ['readings_1d'],
      'newest_column': 'last_at',
      'late_column': 'late_n',
    }
  )
}}

with days as (

    select * from {{ ref('readings_1d') }}

),

newest as (

    select
        device_id,
        metric,
        {{ value_at_last('spacing_s', 'window_start', 'spacing_s is not null') }} as spacing_s
    from days
    group by device_id, metric

),

cadences as (

    select
        device_id,
        min(spacing_s) as spacing_s
    from newest
    group by device_id

)

select
    days.device_id,
    max(cadences.spacing_s) as spacing_s,
    min(first_at) as first_at,
    max(last_at) as last_at,
    max(last_received_at) as last_received_at,
    count(distinct metric) as metrics_n,
    cast(sum(n) as bigint) as good_n,
    cast(sum(bad_n) as bigint) as bad_n,
    cast(sum(uncertain_n) as bigint) as uncertain_n,
    cast(sum(late_n) as bigint) as late_n
from days
left join cadences on cadences.device_id = days.device_id
group by days.device_id
