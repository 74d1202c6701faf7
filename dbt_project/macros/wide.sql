{#
  One column per distinct value: how it is written as a literal and as an identifier. A value is data: quotes in it are doubled,
  and what differs from another only in case, or is the name of a column that is there already, gets a number at its end.
#}
{% macro wide_columns(relation, column) -%}
  {%- if not execute -%}
    {{ return([]) }}
  {%- endif -%}
  {%- set taken = ['device_id', 'window_start'] -%}
  {%- set columns = [] -%}
  {%- for row in run_query('select distinct ' ~ column ~ ' from ' ~ relation ~ ' order by 1') -%}
    {%- set value = row[0] -%}
    {%- set found = namespace(name=value, number=2) -%}
    {%- for _ in range(1000) if found.name | lower in taken -%}
      {%- set found.name = value ~ '_' ~ found.number -%}
      {%- set found.number = found.number + 1 -%}
    {%- endfor -%}
    {%- do taken.append(found.name | lower) -%}
    {%- do columns.append({
        'literal': "'" ~ value | replace("'", "''") ~ "'",
        'quoted': adapter.quote(found.name | replace('"', '""'))
    }) -%}
  {%- endfor -%}
  {{ return(columns) }}
{%- endmacro %}
