{{
  config(
    pre_hook="{{ remember_final_rows() }}",
    post_hook="{{ raise_revisions() }}",
    meta={
      'grain': 'hour',
      'parents': ['readings_1m'],
      'tier_seconds': 3600,
      'freshness': {'warn_minutes': 120, 'fail_minutes': 180},
      'retention': 'readings_1h_days',
      'proved_by': 'readings_1d',
    }
  )
}}

{{
  coarser_tier(
    ref('readings_1m'),
    minutes=60,
    condition=in_work_windows('window_start')
  )
}}
