"""Lists the course's assignments: name, week, minutes, points, title."""

import sys

from grading.assignment import names, read
from grading.errors import CourseError


def main() -> int:
    """Command line: one line for each assignment."""
    try:
        for name in names():
            one = read(name)
            hours = f"{one.minutes / 60:.1f} h"
            print(f"{name:<24} week {one.week}  {hours:>6}  {one.points:g} points  {one.title}")
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
