"""HTML pages that hold all they show."""
