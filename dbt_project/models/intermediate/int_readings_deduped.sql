with readings as {{ read_again() }} (

    select
        *,
        case when message_id is not null then {{ message_fingerprint() }} end as message_key
    from {{ ref('stg_readings') }}

),

{# A device's own time is part of the identity of a message: if no two readings of a series share a second, none is repeated. -#}
crowded as (

    select {{ piece_fingerprint(['device_id', 'metric'], 'event_at', 1) }} as piece_key
    from {{ ref('stg_readings') }}
    where message_id is not null and is_device_time
    group by 1
    having count(*) > {{ windows_of_piece('event_at', 1) }}

),

suspected as (

    select {{ message_fingerprint() }} as message_key
    from {{ ref('stg_readings') }}
    where
        message_id is not null
        and (
            not is_device_time
            or {{ piece_fingerprint(['device_id', 'metric'], 'event_at', 1) }} in (select piece_key from crowded)
        )

),

repeated as (

    select message_key
    from suspected
    group by message_key
    having count(*) > 1

),

never_repeated as (

    select readings.*
    from readings
    left join repeated on repeated.message_key = readings.message_key
    where repeated.message_key is null

),

{# Without a time of the device's own, a number that begins anew at 0 or 1 begins a run: what follows are no repeats. -#}
numbered as (

    select distinct device_id, event_at, received_at, segment, position, message_id
    from {{ ref('stg_readings') }}
    where
        message_id is not null
        and not is_device_time
        and device_id in (
            select untimed.device_id
            from readings as untimed
            inner join repeated on repeated.message_key = untimed.message_key
            where not untimed.is_device_time
        )

),

beginnings as (

    select
        *,
        lag(message_id) over (
            partition by device_id
            order by event_at, received_at, segment, position, message_id
        ) as message_before
    from numbered

),

runs as (

    select
        *,
        sum(
            case
                when message_id = '0' and message_before <> '0' then 1
                when message_id = '1' and message_before not in ('0', '1') then 1
                else 0
            end
        ) over (
            partition by device_id
            order by event_at, received_at, segment, position, message_id
            rows between unbounded preceding and current row
        ) as run
    from beginnings

),

{# Readings of one message may share all that tells when they came: their content orders them, so that threads do not. -#}
in_order_of_arrival as (

    select
        readings.*,
        lag(readings.event_at) over (
            partition by
                readings.device_id,
                readings.metric,
                readings.message_id,
                case when readings.is_device_time then readings.event_at end,
                runs.run
            order by
                readings.event_at, readings.received_at, readings.segment, readings.position,
                readings.value, readings.text, readings.unit, readings.quality, readings.topic,
                readings.is_suspect, readings.is_device_time, cast(readings.tags as varchar)
        ) as same_message_at
    from readings
    inner join repeated on repeated.message_key = readings.message_key
    left join runs
        on not readings.is_device_time
        and runs.device_id = readings.device_id
        and runs.event_at = readings.event_at
        and runs.received_at = readings.received_at
        and runs.segment = readings.segment
        and runs.position = readings.position
        and runs.message_id = readings.message_id

),

first_of_each as (

    select *
    from in_order_of_arrival
    where same_message_at is null or event_at - same_message_at >= {{ slot_length() }}

),

kept as (

    select {{ reading_columns() }} from never_repeated
    union all
    select {{ reading_columns() }} from first_of_each

)

select * from kept
