{#
  Fails for a window of this run in which a tier differs from the finer tier that it is made from: in a count, or in the total by
  more than one part in a billion of the summed magnitudes. Windows are those of the tier's state.
#}
{% test adds_up_to(model, finer, grain) %}
{%- set window = 'slot_start' if grain == 'slot' else 'window_start' -%}
{%- set finer_window = 'slot_start' if grain == 'slot' else window_floor('window_start', minutes={'hour': 60, 'day': 1440}[grain]) -%}
with coarse as (

    select
        {{ window }} as piece,
        sum(n) as n,
        sum(bad_n) as bad_n,
        sum(late_n) as late_n,
        sum(sum) as total
    from {{ model }}
    where {{ in_work(window, model.identifier) }}
    group by 1

),

fine as (

    select
        {{ finer_window }} as piece,
        sum(n) as n,
        sum(bad_n) as bad_n,
        sum(late_n) as late_n,
        sum(sum) as total,
        sum(abs(sum)) as magnitude
    from {{ finer }}
    where
        {% if grain == 'slot' -%}
        {{ in_work('slot_start', model.identifier) }}
        {%- else -%}
        {{ in_work_windows('window_start', grain, model.identifier) }}
        {%- endif %}
    group by 1

)

select
    coalesce(coarse.piece, fine.piece) as piece,
    coarse.n as coarse_n,
    fine.n as fine_n,
    coarse.total as coarse_total,
    fine.total as fine_total
from coarse
full outer join fine on fine.piece = coarse.piece
where
    coarse.piece is null
    or fine.piece is null
    or coarse.n <> fine.n
    or coarse.bad_n <> fine.bad_n
    or coarse.late_n <> fine.late_n
    or abs(coarse.total - fine.total) > 1e-9 * fine.magnitude
{% endtest %}
