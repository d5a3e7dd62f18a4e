"""Inbox ids become facts and states: read, name, plan, write, derive."""
