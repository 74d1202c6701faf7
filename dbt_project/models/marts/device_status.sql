{{
  config(
    materialized='table',
    meta={'grain': 'whole', 'parents': ['readings_1d']}
  )
}}

with days as (

    select * from {{ ref('readings_1d') }}

)

select
    device_id,
    min(first_at) as first_at,
    max(last_at) as last_at,
    max(last_received_at) as last_received_at,
    count(distinct metric) as metrics_n,
    cast(sum(n) as bigint) as good_n,
    cast(sum(bad_n) as bigint) as bad_n,
    cast(sum(uncertain_n) as bigint) as uncertain_n,
    cast(sum(late_n) as bigint) as late_n
from days
group by device_id
