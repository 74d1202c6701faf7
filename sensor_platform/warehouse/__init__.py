"""The only room that opens the warehouse file: staleness, dbt builds, catalog, published files."""
