-- Fails for a message with the device's own time of which more than one reading of a metric was kept. Fingerprints are counted,
-- which is fast, and only where readings of a series share a second; the columns are compared only where two are equal.
with crowded as (

    select {{ piece_fingerprint(['device_id', 'metric'], 'event_at', 1) }} as piece_key
    from {{ ref('readings_clean') }}
    where
        message_id is not null
        and is_device_time
        and {{ in_work('slot_start', 'readings_clean') }}
    group by 1
    having count(*) > {{ windows_of_piece('event_at', 1) }}

),

repeated as (

    select {{ message_fingerprint() }} as message_key
    from {{ ref('readings_clean') }}
    where
        message_id is not null
        and is_device_time
        and {{ in_work('slot_start', 'readings_clean') }}
        and {{ piece_fingerprint(['device_id', 'metric'], 'event_at', 1) }} in (select piece_key from crowded)
    group by 1
    having count(*) > 1

),

kept as (

    select
        device_id,
        metric,
        message_id,
        event_at,
        {{ message_fingerprint() }} as message_key
    from {{ ref('readings_clean') }}
    where
        message_id is not null
        and is_device_time
        and {{ in_work('slot_start', 'readings_clean') }}
        and exists (select 1 from repeated)

)

select
    kept.device_id,
    kept.metric,
    kept.message_id,
    kept.event_at,
    count(*) as kept_n
from kept
inner join repeated on repeated.message_key = kept.message_key
group by kept.device_id, kept.metric, kept.message_id, kept.event_at
having count(*) > 1
