-- Fails for a reading that is stored under another slot than the one that holds its event time.
select *
from {{ ref('readings_clean') }}
where
    {{ in_work('slot_start', 'readings_clean') }}
    and (event_at >= slot_start and event_at < slot_start + {{ slot_length() }}) is not true
limit 100
