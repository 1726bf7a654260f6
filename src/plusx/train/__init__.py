"""How a model comes to be: configuration, loop, run folder."""
