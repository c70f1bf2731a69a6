"""What privet costs, against what does the same work without it; see ``README.md``."""
