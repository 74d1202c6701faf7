{#
  Fails for a key that occurs more than once in the windows of this run. Fingerprints are counted, which is fast; the columns are
  compared only where two are equal. With `seconds`, the length of the windows whose start is the last of the columns, windows are
  counted in groups of 60, which is faster; only groups with more rows than windows are compared.
#}
{% test one_row_per(model, columns, window=none, seconds=none) %}
{%- set in_run = in_work(window, model.identifier) if window else 'true' -%}
{%- set key = piece_fingerprint(columns[:-1], columns[-1], seconds) if seconds else fingerprint(columns) %}
with repeated as (

    select row_key
    from (select {{ columns | join(', ') }}, {{ key }} as row_key from {{ model }} where {{ in_run }}) as keys
    group by row_key
    having count(*) > {{ windows_of_piece(columns[-1], seconds) if seconds else 1 }}

)

select
    {{ columns | join(', ') }},
    count(*) as rows_n
from {{ model }}
where
    {{ in_run }}
    and {{ key }} in (select row_key from repeated)
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
