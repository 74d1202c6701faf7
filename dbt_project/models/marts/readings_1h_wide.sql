{{
  config(
    on_schema_change='ignore',
    pre_hook="{{ add_wide_columns() }}",
    meta={
      'grain': 'hour',
      'parents': ['readings_1h'],
      'has_growing_columns': true,
      'retention': 'readings_1h_days',
      'proved_by': 'readings_1h',
    }
  )
}}

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
    {%- for column in wide_columns() %},
    max(case when metric = {{ text_literal(column.metric) }} then mean end) as {{ identifier(column.name) }}
    {%- endfor %}
from hours
group by device_id, window_start
