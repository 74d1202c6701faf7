{# Fails for a row of this run's windows for which the condition is not true. #}
{% test holds(model, condition, window=none) %}
select *
from {{ model }}
where
    {{ in_work(window, model.identifier) if window else 'true' }}
    and ({{ condition }}) is not true
limit 100
{% endtest %}
