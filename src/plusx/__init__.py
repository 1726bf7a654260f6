"""plusx."""
