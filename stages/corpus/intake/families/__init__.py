"""One mapper for each schema in which public instruction sets are published."""
