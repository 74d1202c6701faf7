{# A failing row is a key that occurs more than once in the windows of this run. #}
{% test one_row_per(model, columns, window=none) %}
select
    {{ columns | join(', ') }},
    count(*) as rows_n
from {{ model }}
where {{ in_work(window, model.identifier) if window else 'true' }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
