"""``python -m privet``: the command line, where its script is not on the path."""

from privet.cli import main

if __name__ == "__main__":
    main()
