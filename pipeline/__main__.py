"""Makes `python -m pipeline` the same as the installed command."""

from pipeline.app.cli import main

if __name__ == "__main__":
    main()
