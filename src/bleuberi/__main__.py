"""`python -m bleuberi`: the `bleuberi` command, e.g. if the directory of scripts is not on the PATH."""

from bleuberi.cli.main import main

if __name__ == "__main__":
    main()
