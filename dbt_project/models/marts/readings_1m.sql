{{
  config(
    pre_hook="{{ remember_final_rows() }}",
    post_hook="{{ raise_revisions() }}",
    meta={
      'grain': 'slot',
      'parents': ['readings_10s'],
      'window_column': 'slot_start',
      'tier_seconds': 60,
      'freshness': {'warn_minutes': 15, 'fail_minutes': 30},
      'retention': 'readings_1m_days',
      'proved_by': 'readings_1h',
    }
  )
}}

{{
  coarser_tier(
    ref('readings_10s'),
    minutes=1,
    condition=in_work('slot_start'),
    keep_slot=true
  )
}}
