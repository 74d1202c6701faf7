{#
  Sums that do not depend on the order in which threads deliver the rows, at any magnitude: the same rows give the same bits,
  whether a day was built alone or within a year. Each term is converted to a whole number of steps, 2^70 of which are the largest
  power of two in the group, and 128-bit integers add up exactly. The rounding error is 2^-71 of the largest term.

  A group is described by `magnitude` (no term is larger, but for a factor of two) and its two halves of the scale, because
  one power of two may not be a double.
#}

{# Two columns, `<name>_up` and `<name>_on`: their product is the scale for terms up to this magnitude. #}
{% macro scale_of(magnitude, name) -%}
  {{ return(adapter.dispatch('scale_of', 'sensor_platform')(magnitude, name)) }}
{%- endmacro %}

{% macro duckdb__scale_of(magnitude, name) -%}
  {%- set exponent -%}
  (case when {{ magnitude }} > 0 and isfinite({{ magnitude }}) then 70 - cast(floor(log2({{ magnitude }})) as integer) else 0 end)
  {%- endset -%}
  pow(2.0, {{ exponent }} // 2) as {{ name }}_up,
        pow(2.0, {{ exponent }} - {{ exponent }} // 2) as {{ name }}_on
{%- endmacro %}

{# The total of a term over the rows of a group, in steps. #}
{% macro exact_sum(term, name) -%}
  {{ return(adapter.dispatch('exact_sum', 'sensor_platform')(term, name)) }}
{%- endmacro %}

{% macro duckdb__exact_sum(term, name) -%}
  sum(cast({{ term }} * {{ name }}_up * {{ name }}_on as hugeint))
{%- endmacro %}

{# Converts steps to a double. #}
{% macro from_steps(steps, name) -%}
  cast({{ steps }} as double) / {{ name }}_up / {{ name }}_on
{%- endmacro %}

{# The square of a value's distance from the center of its group, whose values span `range`; 0 where it would not be finite. #}
{% macro square_of(value, range) -%}
  case when {{ is_finite('(' ~ range ~ ') * (' ~ range ~ ')') }} then ({{ value }} - center) * ({{ value }} - center) else 0 end
{%- endmacro %}

{#
  Sum of squared deviations from the mean, from the squares around the center: exact to about n parts in 10^16. Of two values it
  is half the square of their distance. Infinite where a square of the range or the mean is.
#}
{% macro deviations(squares, n, mean, center, range, is_several) -%}
  case
            when n = 0 then null
            when not ({{ is_several }}) then ({{ range }}) * ({{ range }}) / 2
            when not ({{ is_finite(mean) }} and {{ is_finite('(' ~ range ~ ') * (' ~ range ~ ')') }}) then {{ infinity() }}
            else greatest(0, {{ squares }} - {{ n }} * (({{ mean }} - {{ center }}) * ({{ mean }} - {{ center }})))
        end
{%- endmacro %}

{% macro infinity() -%}
  cast('inf' as double)
{%- endmacro %}
