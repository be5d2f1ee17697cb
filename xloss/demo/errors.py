"""What the demo says when it cannot go on."""


class DemoError(Exception):
    """An option that cannot be followed: the message says what came and what to do."""
