"""Set-up of this checkout, and what devices are set up from. Standard library only."""
