"""The parts of upheld that not every installation has, and how to have them.

Each extra brings libraries; a command or function that needs one which is not there says in one
line which extra that is.
"""

from __future__ import annotations

from typing import Final

from upheld.core.errors import UpheldError

EXTRAS: Final = {  # the libraries of each extra, as they are imported
    "web": ("starlette", "uvicorn", "jinja2", "python_multipart", "multipart"),
    "onboard": ("markdownify", "bs4"),
    "provider": (
        "cryptography",
        "argon2",
        "sqlalchemy",
        "alembic",
        "aiosmtplib",
        "pyotp",
        "segno",
        "zxcvbn",
        "email_validator",
        "phonenumbers",
        "tzdata",
        "webauthn",
        "pyrage",
    ),
    "postgres": ("psycopg",),
    "bulk": ("deltalake", "ibis", "duckdb", "sqlglot", "numpy", "pyarrow"),
    "spark": ("pyspark",),
    "reports": ("opendp",),
    "linkage": ("splink",),
}


def install_hint(*extras: str) -> str:
    """How to have some extras, from a checkout or from a wheel."""
    return f"install upheld with it: {install_command(*extras)}"


def install_command(*extras: str) -> str:
    """The command that installs upheld with some extras, from a checkout or from a wheel."""
    names = ",".join(extras)
    return f"pip install '.[{names}]' in its checkout, or 'WHEEL[{names}]'"


def missing_extra(error: ImportError) -> UpheldError | None:
    """What a failed import means to whoever wants to use upheld; None where it is our mistake."""
    library = (error.name or "").partition(".")[0]
    for extra, libraries in EXTRAS.items():
        if library in libraries:
            return UpheldError(
                f"this needs `{library}`, which is not installed",
                code="missing-extra",
                hint=install_hint(extra),
            )
    return None
