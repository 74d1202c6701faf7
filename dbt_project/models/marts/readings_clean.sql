{{ config(window_column='slot_start', meta={'grain': 'slot', 'parents': []}) }}

with judged as (

    select * from {{ ref('int_readings_judged') }}

)

select *
from judged
where {{ in_work('slot_start') }}
