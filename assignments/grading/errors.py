"""What a teacher can put right."""


class CourseError(Exception):
    """Something a teacher can put right; the message is one line."""
