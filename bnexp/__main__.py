"""`python -m bnexp`: the same as the command `bnexp`."""

from bnexp.cli import main

if __name__ == "__main__":
    main()
