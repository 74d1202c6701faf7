{#
  Counters count up and start again from zero when a device restarts: a value that is less than the one before is a reset, and
  all of it was counted since. Within a window only its own readings are compared, so that late data changes no window but its
  own; what lies between two windows is in the next coarser tier.
#}

{# What a counter counted between samples that follow each other in the list; null for no list. #}
{% macro counted_between(samples, from_field='value', to_field='value') -%}
  {{ return(adapter.dispatch('counted_between', 'sensor_platform')(samples, from_field, to_field)) }}
{%- endmacro %}

{% macro duckdb__counted_between(samples, from_field, to_field) -%}
  {#- from the `to_field` of one to the `from_field` of the next -#}
  case when {{ samples }} is not null then coalesce(list_sum(list_transform(
            range(2, len({{ samples }}) + 1),
            lambda i: case
                when {{ samples }}[i].{{ from_field }} >= {{ samples }}[i - 1].{{ to_field }}
                    then {{ samples }}[i].{{ from_field }} - {{ samples }}[i - 1].{{ to_field }}
                else {{ samples }}[i].{{ from_field }}
            end
        )), 0) end
{%- endmacro %}

{# How often it started again between samples that follow each other. #}
{% macro resets_between(samples, from_field='value', to_field='value') -%}
  {{ return(adapter.dispatch('resets_between', 'sensor_platform')(samples, from_field, to_field)) }}
{%- endmacro %}

{% macro duckdb__resets_between(samples, from_field, to_field) -%}
  case when {{ samples }} is not null then cast(coalesce(list_sum(list_transform(
            range(2, len({{ samples }}) + 1),
            lambda i: cast({{ samples }}[i].{{ from_field }} < {{ samples }}[i - 1].{{ to_field }} as integer)
        )), 0) as bigint) end
{%- endmacro %}

{# Total of an expression of one part `s`, in their order; null for no list. #}
{% macro counted_within(samples, expression) -%}
  {{ samples_total(samples, expression) }}
{%- endmacro %}
