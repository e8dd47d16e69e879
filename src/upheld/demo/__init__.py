"""The sample provider that `upheld demo` shows: where its policy lies.

Goes in: nothing. Comes out: the path of the sample policy, from the installed package or, in a
checkout, from the folder `policies` at its root.
"""

from pathlib import Path

from upheld.core.errors import UpheldError

_PACKAGE = Path(__file__).resolve().parents[1]
_FOLDERS = (
    _PACKAGE / "policies",  # a wheel carries the folder inside the package
    _PACKAGE.parents[1] / "policies",  # a checkout has it at its root, above src
)


def sample_policy() -> Path:
    """Find the sample policy: the one Markdown file that lies directly in `policies`."""
    for folder in _FOLDERS:
        paths = sorted(path for path in folder.glob("*.md") if path.name != "README.md")
        if paths:
            return paths[0]
    raise UpheldError(
        "the sample policy is missing",
        code="no-sample",
        hint="install upheld again, or run from a complete checkout",
    )
