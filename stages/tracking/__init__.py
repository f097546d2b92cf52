"""Lineage (which bytes made which) and MLflow runs."""
