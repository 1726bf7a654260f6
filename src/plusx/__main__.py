"""`python -m plusx`: the command line."""

from plusx.cli import main

main()
