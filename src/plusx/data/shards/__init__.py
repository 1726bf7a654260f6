"""Data sets larger than memory: tar shards in the layout of WebDataset, and Parquet files."""
