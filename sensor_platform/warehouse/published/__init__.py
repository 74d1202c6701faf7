"""What analysts read: Parquet pieces, the views over them, and what a new warehouse takes back from them."""
