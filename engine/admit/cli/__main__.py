"""`python -m admit.cli`"""

from admit.cli import main

main(prog_name="admit")
