{{
  config(
    meta={
      'grain': 'slot',
      'parents': [],
      'window_column': 'slot_start',
      'reach_slots': 1,
      'newest_column': 'event_at',
      'late_column': 'is_late',
      'freshness': {'warn_minutes': 15, 'fail_minutes': 30},
      'retention': 'readings_clean_days',
      'proved_by': 'readings_1h',
    }
  )
}}

with judged as (

    select * from {{ ref('int_readings_judged') }}

)

select *
from judged
where {{ in_work('slot_start') }}
