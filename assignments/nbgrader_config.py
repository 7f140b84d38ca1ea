"""What nbgrader needs to know; it finds this file when it is called in this folder."""

from pathlib import Path

c = get_config()  # noqa: F821 - nbgrader defines it before it reads this file

HERE = Path(__file__).resolve().parent

c.CourseDirectory.course_id = "vsclib"
c.CourseDirectory.root = str(HERE)
# Everything below work/ is made by a command and may be deleted.
c.CourseDirectory.submitted_directory = "work/submitted"
c.CourseDirectory.autograded_directory = "work/autograded"
c.CourseDirectory.feedback_directory = "work/feedback"
c.CourseDirectory.db_url = f"sqlite:///{HERE / 'work' / 'gradebook.db'}"

# Seconds for one cell of a submission, on a slow machine; the solution needs about one.
c.Execute.timeout = 60
# Its warning that it talks over TCP would stand between the lines of the table.
c.Execute.extra_arguments = ["--IPKernelApp.log_level=40"]
# What a written answer is before it is written; grading/reading.py knows it by that.
c.ClearSolutions.text_stub = "*Your answer.*"
