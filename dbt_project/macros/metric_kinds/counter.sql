{#
  Kind `counter`: a counter counts up and starts again from zero when a device restarts. A value that is less than the one before by
  more than a tenth of it is a reset, and all of it was counted since. A smaller fall is rounding or a correction: it is subtracted,
  so that increases add up to what the counter shows. Within a window only its own readings are compared, so that late data changes
  no window but its own; what was counted between two windows is in the next coarser tier. One reading shows no increase: null.
#}

{% macro counter_from_readings(samples) -%}
  {{ return({
    'increase': 'case when len(' ~ samples ~ ') > 1 then ' ~ counted_between(samples) ~ ' end',
    'resets_n': resets_between(samples),
  }) }}
{%- endmacro %}

{% macro counter_from_windows(parts) -%}
  {{ return({
    'increase': 'case when ' ~ samples_total(parts, 's.n') ~ ' > 1 then coalesce(' ~ samples_total(parts, 's.increase') ~ ', 0) + '
      ~ counted_between(parts, 'first', 'last') ~ ' end',
    'resets_n': 'cast(' ~ samples_total(parts, 's.resets_n') ~ ' + ' ~ resets_between(parts, 'first', 'last') ~ ' as bigint)',
  }) }}
{%- endmacro %}

{# What a counter counted between consecutive samples of a list, from the `to_field` of one to the `from_field` of the next. Null for no list. #}
{% macro counted_between(samples, from_field='value', to_field='value') -%}
  {{ return(adapter.dispatch('counted_between', 'sensor_platform')(samples, from_field, to_field)) }}
{%- endmacro %}

{% macro duckdb__counted_between(samples, from_field, to_field) -%}
  case when {{ samples }} is not null then coalesce(list_sum(list_transform(
            range(2, len({{ samples }}) + 1),
            lambda i: case
                when {{ is_reset(samples ~ '[i].' ~ from_field, samples ~ '[i - 1].' ~ to_field) }}
                    then {{ samples }}[i].{{ from_field }}
                else {{ samples }}[i].{{ from_field }} - {{ samples }}[i - 1].{{ to_field }}
            end
        )), 0) end
{%- endmacro %}

{# How many resets lie between consecutive samples of a list. Null for no list. #}
{% macro resets_between(samples, from_field='value', to_field='value') -%}
  {{ return(adapter.dispatch('resets_between', 'sensor_platform')(samples, from_field, to_field)) }}
{%- endmacro %}

{% macro duckdb__resets_between(samples, from_field, to_field) -%}
  case when {{ samples }} is not null then cast(coalesce(list_sum(list_transform(
            range(2, len({{ samples }}) + 1),
            lambda i: cast({{ is_reset(samples ~ '[i].' ~ from_field, samples ~ '[i - 1].' ~ to_field) }} as integer)
        )), 0) as bigint) end
{%- endmacro %}

{# Condition: a counter that showed `before` and shows `value` has started again from zero. #}
{% macro is_reset(value, before) -%}
  {{ before }} - {{ value }} > {{ var('counter_step_back') }} * abs({{ before }})
{%- endmacro %}
