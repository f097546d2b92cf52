"""How fast and how well a device answers, and what it is: reports, and their comparison."""
