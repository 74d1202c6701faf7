"""The only room that opens the warehouse: writer lock, work list, dbt, state, publish."""
