"""Makes `python -m pipeline` the same as the installed command."""

from pipeline.cli.main import main

if __name__ == "__main__":
    main()
