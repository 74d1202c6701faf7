-- A test of two models: Dagster shows it as a check of this one. Set here, because a partial parse loses the meta of tests.yml.
{{ config(meta={'dagster': {'ref': {'name': 'readings_10s'}}}) }}

-- Fails for a slot of this run in which the two differ.
with clean as (

    select
        slot_start,
        count(case when verdict <> 'bad' then 1 end) as n,
        count(case when verdict = 'bad' then 1 end) as bad_n
    from {{ ref('readings_clean') }}
    where
        value is not null
        and {{ in_work('slot_start', 'readings_10s') }}
    group by slot_start

),

tier as (

    select
        slot_start,
        sum(n) as n,
        sum(bad_n) as bad_n
    from {{ ref('readings_10s') }}
    where {{ in_work('slot_start', 'readings_10s') }}
    group by slot_start

)

select
    coalesce(clean.slot_start, tier.slot_start) as slot_start,
    clean.n as clean_n,
    tier.n as tier_n
from clean
full outer join tier on tier.slot_start = clean.slot_start
where
    clean.slot_start is null
    or tier.slot_start is null
    or clean.n <> tier.n
    or clean.bad_n <> tier.bad_n
