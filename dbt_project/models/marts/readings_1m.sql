{{
  config(
    window_column='slot_start',
    pre_hook="{{ remember_final_rows(seconds=60) }}",
    post_hook="{{ raise_revisions() }}",
    meta={'grain': 'slot', 'parents': ['readings_10s']}
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
