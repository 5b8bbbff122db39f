"""The one exception that ends a command with a sentence instead of a traceback."""


class GraderError(Exception):
    """Something a person can put right. Its text is one sentence: what is wrong, where, and what to do."""
