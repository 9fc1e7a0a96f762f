"""`python -m tools.learn_company_patterns COMPANY`: the same as `repartee learn COMPANY`, for scripts."""

import typer

from tools.learn import learn

if __name__ == "__main__":
    typer.run(learn)
