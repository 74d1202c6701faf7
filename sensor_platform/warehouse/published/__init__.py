"""The published tables: partition files, the views over them, and how a new warehouse restores rows from them."""
