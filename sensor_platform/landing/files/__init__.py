"""The files of the landing tier: their columns, how they are written, where they are, and how they are compacted."""
