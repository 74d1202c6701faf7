{{ config(window_column='window_start', meta={'grain': 'hour', 'parents': ['readings_1h']}) }}

with hours as (

    select
        device_id,
        window_start,
        metric,
        mean
    from {{ ref('readings_1h') }}
    where {{ in_work('window_start') }}

)

select
    device_id,
    window_start
    {%- for column in wide_columns(ref('readings_1h'), 'metric') %},
    max(case when metric = {{ column.literal }} then mean end) as {{ column.quoted }}
    {%- endfor %}
from hours
group by device_id, window_start
