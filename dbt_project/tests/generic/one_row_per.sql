{#
  A failing row is a key that occurs more than once in the windows of this run. Fingerprints are counted, which is fast; only
  where two are equal are the columns themselves compared.
#}
{% test one_row_per(model, columns, window=none) %}
with repeated as (

    select row_key
    from (select {{ fingerprint(columns) }} as row_key from {{ model }} where {{ in_work(window, model.identifier) if window else 'true' }}) as keys
    group by row_key
    having count(*) > 1

)

select
    {{ columns | join(', ') }},
    count(*) as rows_n
from {{ model }}
where
    {{ in_work(window, model.identifier) if window else 'true' }}
    and {{ fingerprint(columns) }} in (select row_key from repeated)
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
