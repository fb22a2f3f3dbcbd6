"""Test runs of projects: started in their sandbox, read from pytest's reports, kept as a history."""
