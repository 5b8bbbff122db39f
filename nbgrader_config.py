"""nbgrader's configuration of this course: solutions/ is what authors write, notebooks/ what students open."""

from nbgrader.converters import GenerateAssignment

from autograder.nbgrader_steps import GradingExporter
from autograder.release import EmbedSetup, StampRelease

c = get_config()  # noqa: F821 - nbgrader gives it

c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "notebooks"
c.CourseDirectory.ignore = [".ipynb_checkpoints", "__pycache__", "*.pyc", "*.zip", "misconceptions"]

c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE\nraise NotImplementedError"}
c.GenerateAssignment.preprocessors = [
    EmbedSetup,
    *GenerateAssignment.preprocessors.default_args[0],
    StampRelease,
]

# `nbgrader autograde` and Formgrader's button grade as `autograder grade` does.
c.Autograde.exporter_class = GradingExporter
c.Autograde.sanitize_preprocessors = []
c.Autograde.autograde_preprocessors = []
