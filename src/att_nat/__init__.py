"""What runs inside NAT's own venv: it serves and tests a project's package, and answers the platform's questions.

It imports nothing of att; att reaches it by process alone.
"""
