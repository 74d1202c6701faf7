with landed as (

    select * from {{ source('landing', 'readings') }}

),

renamed as (

    select
        device_id,
        metric,
        event_at,
        received_at,
        value,
        text,
        unit,
        quality,
        tags,
        message_id,
        topic,
        segment,
        position,
        is_device_time,
        is_suspect,
        {{ window_floor('event_at', minutes=var('slot_minutes')) }} as slot_start
    from landed

)

select * from renamed
