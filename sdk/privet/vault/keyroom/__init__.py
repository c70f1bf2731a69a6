"""The rooms behind ``Keys``: wrapping, epochs, the deployment's own keys, people's, models'."""
