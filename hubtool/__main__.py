"""``python -m hubtool``."""

from hubtool.cli.app import main

if __name__ == "__main__":
    main()
