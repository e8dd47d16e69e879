"""`python -m upheld` is the command `upheld`."""

from upheld.cli import main

if __name__ == "__main__":
    main()
