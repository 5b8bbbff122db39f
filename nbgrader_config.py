"""nbgrader's configuration of this course: solutions/ is what authors write, notebooks/ what students open."""

from nbgrader.converters import GenerateAssignment

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
