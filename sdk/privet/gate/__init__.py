"""The gate: the one way to a person's data, and the one way it is kept and forgotten.

``read`` and ``write`` are the two directions; ``grounds`` begin and end here. Models are
``versions`` that a training publishes (``publication``), that serve (``artifact``) and
that people are taken out of (``removal``); ``forget`` takes a person out of everything.
``catalogue`` holds what is not personal. Everything above imports from here and nothing
beneath.
"""
