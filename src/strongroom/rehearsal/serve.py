"""`python -m strongroom.rehearsal.serve`: the website's server with the rehearsal's application."""

import sys

from strongroom.website.serve import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], "strongroom.rehearsal.wsgi:application"))
