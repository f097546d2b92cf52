"""The HTTP service and its page: one lamp, spoken to by whoever may."""
