"""Measures the autograder against nbgrader as shipped, on one machine in one run: ``make bench``."""
