"""Columns that published views add to a table because they depend on the time or the catalog, not on its rows alone.

They are computed on read, so that a stored row never changes by itself and a rerun changes nothing. The same SQL
serves the views of `analytics.duckdb` and the tables of a snapshot, where the time is that of the snapshot.
"""

from collections.abc import Callable, Collection

from sensor_platform.warehouse.lineage import tiers

NEEDED = frozenset({"readings_1d", "device_status", "catalog_site", "catalog_devices"})
"""Tables that the derived columns read."""

CADENCE = "cadence"

Source = Callable[[str], str]
"""Name of a table to the SQL that reads its own columns and `day`."""

IS_HINDSIGHT = "created_at >= target_at as is_hindsight"
"""Mark of a forecast that was made when the hour that it is about had begun: nobody was served with it."""

NOW = "make_timestamp(epoch_us(now()))"
"""Plain UTC, whatever the reader's time zone."""


HEARD_AT = f"""case
            when t.last_received_at <= {NOW} + interval '5 minutes' then t.last_received_at
            when t.last_at <= {NOW} + interval '5 minutes' then t.last_at
        end"""
"""When a device was heard of last. A receive time ahead of the reader's clock is of a clock that was wrong; the event
time is the better evidence then, and a device that has neither is not taken for alive."""


def is_derived(table: str, tables: Collection[str]) -> bool:
    """Whether a view of `table` has derived columns beside these tables."""
    return (table in tiers() or table == "device_status") and set(tables) >= NEEDED


def cadence(source: Source) -> str:
    """One row per device, metric and day: seconds that are expected between two readings."""
    return f"""\
select
    d.device_id,
    d.metric,
    d.day,
    coalesce(c.cadence_s, d.spacing_s) as cadence_s,
    c.cadence_s is null as is_learned
from {source("readings_1d")} as d
left join {source("catalog_devices")} as c on c.device_id = d.device_id"""  # noqa: S608 - our own names


def tier(table: str, columns: str, source: Source) -> str:
    """A tier with `expected_n`, `completeness` and `is_final`. `columns` are the tier's own, with prefix `t`."""
    seconds = tiers()[table]
    return f"""\
select
    {columns},
    case when c.cadence_s <= {seconds} then {seconds} / c.cadence_s end as expected_n,
    case when c.cadence_s <= {seconds} then least(1.0, t.n * c.cadence_s / {seconds}) end as completeness,
    (t.bad_n + t.uncertain_n) / nullif(t.n + t.bad_n, 0) as not_good_share,
    coalesce(t.window_start + interval '{seconds} seconds' <= w.final_before, false) as is_final,
    t.day
from {source(table)} as t
cross join ({_final_before(source)}) as w
left join ({cadence(source)}) as c on c.device_id = t.device_id and c.metric = t.metric and c.day = t.day"""  # noqa: S608


def _final_before(source: Source) -> str:
    """The newest receive time; one that lies ahead of the reader's clock is of a clock that was wrong."""
    lateness = "to_microseconds(cast(max(s.allowed_lateness_hours) * 3600000000 as bigint))"
    days, site = source("readings_1d"), source("catalog_site")
    return f"""\
select max(d.last_received_at) filter (d.last_received_at <= {NOW} + interval '1 hour') - {lateness} as final_before
from {days} as d
cross join {site} as s"""  # noqa: S608 - our own names


def device_status(columns: str, source: Source) -> str:
    """Every device that sent or is in the catalog, at present. `columns` are the table's own, with prefix `t`."""
    return f"""\
with today as (
    select
        d.device_id,
        cast(sum(d.n) as double) as n,
        sum(epoch({NOW} - d.window_start) / c.cadence_s) as expected_n
    from {source("readings_1d")} as d
    inner join ({cadence(source)}) as c on c.device_id = d.device_id and c.metric = d.metric and c.day = d.day
    where d.day = cast({NOW} as date)
    group by d.device_id
),

seen as (
    select
        {columns},
        coalesce(t.device_id, c.device_id) as known_device_id,
        c.site,
        c.area,
        c.type,
        coalesce(c.cadence_s, t.spacing_s) as cadence_s,
        epoch({NOW} - {HEARD_AT}) as lag_s
    from {source("device_status")} as t
    full outer join {source("catalog_devices")} as c on c.device_id = t.device_id
)

select
    seen.* exclude (known_device_id) replace (known_device_id as device_id),
    least(1.0, today.n / nullif(today.expected_n, 0)) as completeness_today,
    case
        when lag_s is null and last_received_at is null then 'never seen'
        when lag_s is null then 'silent'
        when lag_s <= greatest(60, 3 * coalesce(cadence_s, 60)) then 'online'
        when lag_s <= greatest(300, 10 * coalesce(cadence_s, 60)) then 'late'
        else 'silent'
    end as state
from seen
left join today on today.device_id = seen.known_device_id"""  # noqa: S608 - our own names


def filled(table: str, source: Source, limit: str, where: str = "") -> str:
    """A tier without gaps up to a limit of the site: missing windows have filled rows.

    Args:
        table: the tier.
        source: how to read tables.
        limit: column of catalog_site with the limit, in windows of the tier.
        where: condition on the rows of `t` that take part.
    """
    seconds = tiers()[table]
    return f"""\
with known as (
    select
        t.device_id,
        t.metric,
        t.window_start,
        t.n,
        t.mean,
        lead(t.window_start) over series as next_start,
        lead(t.mean) over series as next_mean,
        cast(floor(s.{limit}) as bigint) as most
    from {source(table)} as t
    cross join {source("catalog_site")} as s
    where t.n > 0{where}
    window series as (partition by t.device_id, t.metric order by t.window_start)
),

measured as (
    select *, (epoch_us(next_start) - epoch_us(window_start)) // {seconds * 1_000_000} as steps
    from known
),

stepped as (
    select *, unnest(range(0, least(coalesce(steps, 1), most + 1))) as step
    from measured
)

select
    device_id,
    metric,
    window_start + to_seconds(step * {seconds}) as window_start,
    case when step = 0 then n else 0 end as n,
    case when step = 0 then mean end as mean,
    mean as mean_locf,
    case
        when step = 0 then mean
        when steps - 1 <= most then mean + (next_mean - mean) * step / steps
    end as mean_linear,
    step > 0 as is_filled,
    cast(window_start + to_seconds(step * {seconds}) as date) as day
from stepped"""  # noqa: S608 - our own names


FILLED = (("readings_1m_filled", "readings_1m", "fill_minutes"), ("readings_1h_filled", "readings_1h", "fill_hours"))


def views(tables: Collection[str], source: Source) -> list[str]:
    """Statements for the views that do not belong to one table."""
    if not set(tables) >= NEEDED:
        return []
    found = [f"create view {CADENCE} as\n{cadence(source)}"]
    for name, table, limit in FILLED:
        if table in tables:
            found.append(f"create view {name} as\n{filled(table, source, limit)}")
            seconds = tiers()[table]
            within = (
                "\n        and t.day between cast(first_at as date) - 1 and cast(last_at as date) + 1"
                f"\n        and t.window_start >= first_at - to_seconds(cast(s.{limit} + 1 as bigint) * {seconds})"
                f"\n        and t.window_start < last_at + to_seconds(cast(s.{limit} + 1 as bigint) * {seconds})"
            )
            text = filled(table, source, limit, within)
            found.append(
                f"create macro {name}_between(first_at, last_at) as table\n"
                f"select * from ({text}) as f where f.window_start >= first_at and f.window_start < last_at"
            )
    return found
