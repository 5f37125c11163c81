"""Records to tables, figures and files."""
