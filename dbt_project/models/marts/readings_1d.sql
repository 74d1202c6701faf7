{{
  config(
    window_column='window_start',
    pre_hook="{{ remember_final_rows(seconds=86400) }}",
    post_hook="{{ raise_revisions() }}",
    meta={'grain': 'day', 'parents': ['readings_1h']}
  )
}}

{{
  coarser_tier(
    ref('readings_1h'),
    minutes=1440,
    condition=in_work_windows('window_start', 'day')
  )
}}
