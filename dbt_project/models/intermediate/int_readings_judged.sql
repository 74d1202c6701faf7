with readings as (

    select * from {{ ref('int_readings_deduped') }}

),

metrics as (

    select * from {{ source('catalog', 'metrics') }}

),

calibration as (

    select * from {{ source('catalog', 'calibration') }}

),

calibrated as (

    select
        readings.*,
        readings.value * coalesce(calibration.gain, 1.0) + coalesce(calibration.value_offset, 0.0) as calibrated_value,
        coalesce(readings.unit, metrics.unit) as known_unit,
        metrics.min_value,
        metrics.max_value
    from readings
    left join metrics on metrics.metric = readings.metric
    left join calibration
        on calibration.device_id = readings.device_id
        and calibration.metric = readings.metric
        and (calibration.valid_from is null or readings.event_at >= calibration.valid_from)
        and (calibration.valid_to is null or readings.event_at < calibration.valid_to)

),

ruled as (

    select
        *,
        case
            when not {{ is_finite('calibrated_value') }} then 'not_finite'
            when calibrated_value < min_value then 'below_range'
            when calibrated_value > max_value then 'above_range'
            when lower(quality) = 'bad' then 'device_says_bad'
            when lower(quality) = 'uncertain' then 'device_says_uncertain'
            when is_suspect then 'suspect_redelivery'
        end as rule
    from calibrated

),

judged as (

    select
        device_id,
        metric,
        event_at,
        received_at,
        calibrated_value as value,
        text,
        known_unit as unit,
        quality,
        tags,
        message_id,
        topic,
        segment,
        position,
        is_device_time,
        is_suspect,
        case
            when rule is null then 'good'
            when rule in ('device_says_uncertain', 'suspect_redelivery') then 'uncertain'
            else 'bad'
        end as verdict,
        rule,
        received_at - event_at > {{ slot_length() }} as is_late,
        slot_start
    from ruled

)

select * from judged
