{{ config(window_column='window_start', meta={'grain': 'day', 'parents': ['readings_1h']}) }}

{{
  coarser_tier(
    ref('readings_1h'),
    minutes=1440,
    condition=in_work_windows('window_start', 'day')
  )
}}
