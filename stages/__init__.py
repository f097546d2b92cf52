"""LampForge: data, training and edge delivery of a small language model that drives a 172-LED lamp."""

__version__ = "0.1.0"
