{%- set looking_back = metrics_looking_back() -%}
{%- set units = metrics_that('unit is not null') -%}

with readings as (

    select * from {{ ref('int_readings_deduped') }}

),

metrics as (

    select * from {{ source('catalog', 'metrics') }}

),

calibration as (

    select * from {{ source('catalog', 'calibration') }}

),

{% if units -%}
{# Values in another unit than the catalog's are converted first; `unit_conversions` holds the conversions that exist. -#}
converted as (

    select
        {{ reading_columns('readings.', except=['value', 'tags']) }},
        coalesce(readings.value * foreign_units.gain + foreign_units.value_offset, readings.value) as value,
        case
            when foreign_units.gain <> 1 or foreign_units.value_offset <> 0
                then {{ with_tag('readings.tags', 'original_unit', 'readings.unit') }}
            else readings.tags
        end as tags,
        coalesce(foreign_units.to_unit, readings.unit, metrics.unit) as known_unit,
        readings.value is not null and readings.unit <> metrics.unit and foreign_units.gain is null as is_unit_unknown
    from readings
    left join metrics on metrics.metric = readings.metric
    left join unit_conversions as foreign_units
        on foreign_units.unit = readings.unit
        and foreign_units.to_unit = metrics.unit

),

{% endif -%}
calibrated as (

    select
        readings.*,
        readings.value * coalesce(calibration.gain, 1.0) + coalesce(calibration.value_offset, 0.0) as calibrated_value,
        {%- if not units %}
        coalesce(readings.unit, metrics.unit) as known_unit,
        false as is_unit_unknown,
        {%- endif %}
        metrics.min_value,
        metrics.max_value,
        metrics.max_change_per_s,
        metrics.compare_within_s,
        metrics.stuck_after_s
    from {{ 'converted' if units else 'readings' }} as readings
    left join metrics on metrics.metric = readings.metric
    left join calibration
        on calibration.device_id = readings.device_id
        and calibration.metric = readings.metric
        and (calibration.valid_from is null or readings.event_at >= calibration.valid_from)
        and (calibration.valid_to is null or readings.event_at < calibration.valid_to)

),

by_itself as (

    select
        *,
        case
            when not {{ is_finite('calibrated_value') }} then 'not_finite'
            when calibrated_value < min_value then 'below_range'
            when calibrated_value > max_value then 'above_range'
            when lower(quality) = 'bad' then 'device_says_bad'
        end as own_bad_rule,
        case
            when lower(quality) = 'uncertain' and not is_device_time and tags['retained'] = 'true' then 'retained_without_time'
            when lower(quality) = 'uncertain' then 'device_says_uncertain'
            when is_suspect then 'suspect_redelivery'
            when is_unit_unknown then 'unit_not_convertible'
        end as uncertain_rule
    from calibrated

),

{% if looking_back -%}
compared_by_rules as (

    select
        *,
        calibrated_value is not null and own_bad_rule is null as is_usable
    from by_itself
    where metric in ({{ looking_back | join(', ') }})

),

with_the_one_before as (

    select
        *,
        lag(event_at) over in_time as before_at,
        lag(calibrated_value) over in_time as before_value,
        {{ newest_at_least_before('event_at', 'coalesce(stuck_after_s, 0)') }} as old_enough_at
    from compared_by_rules
    window in_time as (
        partition by device_id, metric, is_usable
        order by {{ in_time_and_content('calibrated_value') }}
    )

),

with_the_run as (

    select
        *,
        max(case when before_value is null or before_value <> calibrated_value then event_at end) over (
            partition by device_id, metric, is_usable
            order by {{ in_time_and_content('calibrated_value') }}
            rows between unbounded preceding and current row
        ) as unmoved_since
    from with_the_one_before

),

looked_back as (

    select
        {{ reading_columns() }},
        calibrated_value,
        known_unit,
        own_bad_rule,
        uncertain_rule,
        case
            when not is_usable then null
            when
                before_at < event_at
                and before_at >= event_at - {{ seconds_interval('compare_within_s') }}
                and abs(calibrated_value - before_value) > max_change_per_s * {{ seconds_between('before_at', 'event_at') }}
                then 'changes_too_fast'
            when
                stuck_after_s is not null
                and old_enough_at >= unmoved_since
                and old_enough_at >= event_at - {{ seconds_interval('stuck_after_s') }} - {{ slot_length() }}
                then 'stuck'
        end as comparing_rule
    from with_the_run

),

ruled as (

    select
        {{ reading_columns() }},
        calibrated_value,
        known_unit,
        coalesce(own_bad_rule, comparing_rule) as bad_rule,
        uncertain_rule
    from looked_back
    union all
    select
        {{ reading_columns() }},
        calibrated_value,
        known_unit,
        own_bad_rule as bad_rule,
        uncertain_rule
    from by_itself
    where metric not in ({{ looking_back | join(', ') }})

),
{%- else -%}
ruled as (

    select
        *,
        own_bad_rule as bad_rule
    from by_itself

),
{%- endif %}

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
            when bad_rule is not null then 'bad'
            when uncertain_rule is not null then 'uncertain'
            else 'good'
        end as verdict,
        coalesce(bad_rule, uncertain_rule) as rule,
        case when received_at - event_at > {{ slot_length() }} then not {{ is_imported('segment') }} else false end as is_late,
        slot_start
    from ruled

)

select * from judged
