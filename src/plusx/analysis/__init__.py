"""One question a file: question(model, batch) -> frozen dataclass, leaving no trace."""
