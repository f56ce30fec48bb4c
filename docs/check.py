"""Whether built pages have all that is public, offline: ``docs/check.py HTML``."""

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
# What a browser would fetch to show a page, rather than follow.
_FETCHED = re.compile(
    r"""<(?:script|img|source|iframe)[^>]+src=["']((?:https?:)?//[^"']+)"""
    r"""|<link[^>]+href=["']((?:https?:)?//[^"']+)"""
)
# Links that tell about a page and fetch nothing.
_TELLING = re.compile(r'<link[^>]+rel="(?:canonical|search|author|license)"[^>]*>')


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


def fetched(html: Path) -> set[str]:
    """Addresses of other machines that pages need to be shown."""
    found = set()
    for page in html.rglob("*.html"):
        text = _TELLING.sub("", page.read_text(encoding="utf-8"))
        found |= {f"{page.name}: {a or b}" for a, b in _FETCHED.findall(text)}
    return found


def main() -> None:
    """Exit with what is missing, or what is not there offline."""
    html = Path(sys.argv[1])
    if missing := public_methods() - documented(html):
        sys.exit("not on any page: " + ", ".join(sorted(missing)))
    if foreign := fetched(html):
        sys.exit("needs a network: " + ", ".join(sorted(foreign)))


if __name__ == "__main__":
    main()
