"""The receiver: verifies a partner's callback, makes it durable, answers. It never reads a business field."""
