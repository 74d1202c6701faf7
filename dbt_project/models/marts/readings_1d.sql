{{
  config(
    pre_hook="{{ remember_final_rows() }}",
    post_hook="{{ raise_revisions() }}",
    meta={
      'grain': 'day',
      'parents': ['readings_1h'],
      'tier_seconds': 86400,
      'freshness': {'warn_minutes': 1560, 'fail_minutes': 1800},
    }
  )
}}

{{
  coarser_tier(
    ref('readings_1h'),
    minutes=1440,
    condition=in_work_windows('window_start')
  )
}}
