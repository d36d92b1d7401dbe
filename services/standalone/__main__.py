"""`beatloom`, or `python -m services.standalone`."""

from services.standalone.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
