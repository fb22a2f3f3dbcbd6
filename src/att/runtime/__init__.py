"""Apps: `nat serve` of each project, kept as it was asked to be, spoken to, and its runs recorded.

Local login, the launcher's other verb, lives here too.
"""
