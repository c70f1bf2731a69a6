"""The gate: the one way to a person's data, and the one way it is kept and forgotten.

``read`` and ``write`` are the two directions; ``grounds`` begin and end here;
``artifact`` keeps models; ``forget`` takes people out of all of it; ``catalogue``
holds what is not personal. Everything above imports from here and nothing beneath.
"""
