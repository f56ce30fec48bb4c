"""Whether built pages have all that is public: ``python docs/check.py HTML``."""

import inspect
import re
import sys
import zlib
from pathlib import Path

import skmixmate

# What every estimator has for scikit-learn's own sake.
_OF_SCIKIT_LEARN = re.compile(
    r"[gs]et_params|set_\w+_request|set_output|get_metadata_routing|set_callbacks"
)
_FOREIGN = {"BaseEstimator", "Module", "tuple", "object"}


def documented(html: Path) -> set[str]:
    """Names of the inventory that other projects link to."""
    *_, packed = (html / "objects.inv").read_bytes().split(b"\n", 4)
    lines = zlib.decompress(packed).decode().splitlines()
    return {line.split()[0] for line in lines}


def public_methods() -> set[str]:
    """Every method that a user may call on a public class, inherited ones too."""
    found = set()
    modules = [skmixmate, skmixmate.penalties, skmixmate.plotting]
    for module in modules:
        prefix = module.__name__
        for name in module.__all__:
            one = getattr(module, name)
            if not inspect.isclass(one):
                continue
            found |= {
                f"{prefix}.{name}.{method}"
                for owner in one.__mro__
                if owner.__name__ not in _FOREIGN
                for method, value in vars(owner).items()
                if inspect.isroutine(value)
                and not method.startswith("_")
                and not _OF_SCIKIT_LEARN.fullmatch(method)
            }
    return found


def main() -> None:
    """Exit with what is missing."""
    missing = public_methods() - documented(Path(sys.argv[1]))
    if missing:
        sys.exit("not on any page: " + ", ".join(sorted(missing)))


if __name__ == "__main__":
    main()
