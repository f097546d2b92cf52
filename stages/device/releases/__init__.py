"""Releases of a model: made on the host, brought to a device, proved, and put to use."""
