"""`python -m spinecast` is `spinecast`."""

from spinecast.cli.main import main

if __name__ == "__main__":
    main()
