{{
  config(
    window_column='window_start',
    pre_hook="{{ remember_final_rows(seconds=3600) }}",
    post_hook="{{ raise_revisions() }}",
    meta={'grain': 'hour', 'parents': ['readings_1m']}
  )
}}

{{
  coarser_tier(
    ref('readings_1m'),
    minutes=60,
    condition=in_work_windows('window_start', 'hour')
  )
}}
