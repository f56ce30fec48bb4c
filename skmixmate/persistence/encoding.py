"""Python objects as JSON and arrays, and back, by a list of what may be built."""

import importlib
import inspect
import math
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import scipy.sparse
import torch
from sklearn.base import BaseEstimator

__all__ = ["Decoder", "Encoder"]

# Of a RandomState, unless it was made of another.
_GENERATOR = "MT19937"

# Packages whose estimators may be built, and of ours the records in them.
_OURS, _SKLEARN = "skmixmate", "sklearn"
# Parts of theirs that no estimator for users is in.
_NOT_FOR_USERS = {"tests", "conftest", "externals", "_testing"}
# What `set_fit_request` and its like leave.
_REQUESTS = {
    "sklearn.utils._metadata_requests:MetadataRequest",
    "sklearn.utils._metadata_requests:MethodMetadataRequest",
}
# Of ours, those whose functions read, write or download files.
_OF_FILES = ("skmixmate.persistence", "skmixmate.datasets")


class Encoder:
    """Turn objects into JSON that refers to arrays by their place in a list.

    Objects that occur twice are stored once.

    Attributes
    ----------
    arrays : list of ndarray
    objects : list of dict
        What instances of classes are made of.
    """

    def __init__(self) -> None:
        self.arrays: list[np.ndarray] = []
        self.objects: list[dict[str, Any]] = []
        self._places: dict[int, dict] = {}
        self._alive: list[Any] = []  # So that no other object takes an identity over.

    def encode(self, value: Any, where: str) -> Any:
        """Return what stands for a value in JSON.

        Parameters
        ----------
        value : object
        where : str
            What an error calls it.

        Raises
        ------
        TypeError
            If it is of a kind that would not be safe to load.
        """
        if value is None or isinstance(value, bool | str) or type(value) is int:
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if isinstance(value, np.ndarray | np.generic):
            return self._array(value, where)
        if type(value) is list:
            return [self.encode(v, f"{where}[{i}]") for i, v in enumerate(value)]
        if type(value) is tuple:
            items = [self.encode(v, f"{where}[{i}]") for i, v in enumerate(value)]
            return {"tuple": items}
        if type(value) is dict:
            return {
                "dict": [
                    [self.encode(k, where), self.encode(v, f"{where}[{k!r}]")]
                    for k, v in value.items()
                ]
            }
        return self._other(value, where)

    def _array(self, value: np.ndarray | np.generic, where: str) -> dict:
        if value.dtype.hasobject:
            value = np.asarray(value)
            names = value.ravel().tolist()
            if not all(isinstance(name, str) for name in names):
                raise TypeError(f"{where} is an array of objects other than strings.")
            return {"names": names, "shape": list(value.shape)}
        kind = "array" if isinstance(value, np.ndarray) else "number"
        if id(value) not in self._places:
            self._alive.append(value)
            self._places[id(value)] = {kind: self._added(np.asarray(value))}
        return self._places[id(value)]

    def _added(self, array: np.ndarray) -> int:
        self.arrays.append(array)
        return len(self.arrays) - 1

    def _other(self, value: Any, where: str) -> dict:
        if isinstance(value, torch.device):
            return {"device": str(value)}
        if isinstance(value, torch.Tensor):
            return {"tensor": self._added(value.detach().cpu().numpy())}
        if isinstance(value, np.dtype) and not value.hasobject:
            return {"dtype": value.str}
        if isinstance(value, type) and issubclass(value, np.generic):
            return {"scalar_type": np.dtype(value).str}
        if isinstance(value, slice):
            parts = (value.start, value.stop, value.step)
            return {"slice": [self.encode(part, where) for part in parts]}
        if isinstance(value, np.random.RandomState) and _is_plain(value):
            _, keys, *rest = value.get_state(legacy=True)
            return {"random_state": [self._added(np.array(keys)), *rest]}
        if isinstance(value, scipy.sparse.csr_array):
            parts = (value.data, value.indices, value.indptr)
            places = [self._added(np.asarray(part)) for part in parts]
            return {"csr": places, "shape": list(value.shape)}
        if inspect.isfunction(value) and _function(_name(value)) is value:
            return {"function": _name(value)}
        if _may_be_built(type(value)):
            return self._object(value, where)
        raise TypeError(
            f"{where} is {value!r}, of which only a pickle could tell how it is made. "
            "Take it out, as callbacks, and use names, numbers, arrays, estimators of "
            "skmixmate or scikit-learn and functions of skmixmate; or joblib.dump, "
            "whose files are to be loaded from those you trust alone."
        )

    def _object(self, value: Any, where: str) -> dict:
        if id(value) not in self._places:
            self._alive.append(value)
            # Known before what it is made of, which may lead back to it.
            self._places[id(value)] = {"object": len(self.objects)}
            stored: dict[str, Any] = {"class": _name(type(value))}
            self.objects.append(stored)
            stored["state"] = [
                [k, self.encode(v, f"{where}.{k}")] for k, v in _state(value).items()
            ]
        return self._places[id(value)]


class Decoder:
    """Build what an `Encoder` took apart; runs no code that a file brings.

    Parameters
    ----------
    arrays : list of ndarray
    objects : list of dict
    """

    def __init__(self, arrays: list[np.ndarray], objects: list[dict[str, Any]]):
        self.arrays = arrays
        self.objects = objects
        self._built: dict[int, Any] = {}

    def decode(self, node: Any) -> Any:
        """Return the value that a node stands for.

        Raises
        ------
        ValueError
            If there is no such kind of node, or it names what may not be built.
        """
        if isinstance(node, list):
            return [self.decode(item) for item in node]
        if not isinstance(node, dict):
            return node
        kind: str = next(iter(node), "")
        content: Any = node.get(kind)
        if kind == "object":
            return self._object(content)
        if kind == "array":
            return self.arrays[content]
        if kind == "number":
            return self.arrays[content][()]
        if kind == "tuple":
            return tuple(self.decode(item) for item in content)
        if kind == "dict":
            return {self.decode(k): self.decode(v) for k, v in content}
        return self._other(kind, content, node)

    def _other(self, kind: str, content: Any, node: dict) -> Any:
        if kind == "float":
            return float(content)
        if kind == "names":
            return np.array(content, dtype=object).reshape(node["shape"])
        if kind == "device":
            return torch.device(content)
        if kind == "tensor":
            return torch.tensor(self.arrays[content])
        if kind == "dtype":
            return np.dtype(content)
        if kind == "scalar_type":
            return np.dtype(content).type
        if kind == "slice":
            return slice(*(self.decode(part) for part in content))
        if kind == "csr":
            parts = tuple(self.arrays[i] for i in content)
            return scipy.sparse.csr_array(parts, shape=tuple(node["shape"]))
        if kind == "random_state":
            keys, *rest = content
            random_state = np.random.RandomState()
            random_state.set_state((_GENERATOR, self.arrays[keys], *rest))
            return random_state
        if kind == "function":
            function = _function(content)
            if function is not None:
                return function
        raise ValueError(f"{kind!r} with {content!r} is unknown to this version.")

    def _object(self, place: int) -> Any:
        if place in self._built:
            return self._built[place]
        name = self.objects[place]["class"]
        built = _found(name)
        if not (isinstance(built, type) and _may_be_built(built)):
            raise ValueError(f"{name} is no class that this version may build.")
        encoded = self.objects[place]["state"]
        if _is_record(built):
            state = {key: self.decode(node) for key, node in encoded}
            self._built[place] = value = built(**state)
            return value
        self._built[place] = value = object.__new__(built)
        state = {key: self.decode(node) for key, node in encoded}
        _check_names(built, state)
        if hasattr(value, "__setstate__"):
            value.__setstate__(state)  # Where versions are compared.
        else:
            value.__dict__.update(state)
        return value


def _is_plain(random_state: np.random.RandomState) -> bool:
    return random_state.get_state(legacy=False)["bit_generator"] == _GENERATOR


def _is_record(of: type) -> bool:
    return is_dataclass(of) or hasattr(of, "_fields")


def _state(value: Any) -> dict[str, Any]:
    """What an instance is made of."""
    if is_dataclass(value):
        return {f.name: getattr(value, f.name) for f in fields(value)}
    if hasattr(value, "_asdict"):
        return value._asdict()
    state = value.__getstate__()
    return {} if state is None else state


def _check_names(built: type, state: dict[str, Any]) -> None:
    """Refuse attributes that would stand in for methods, or for what shows in HTML."""
    parameters = set()
    if issubclass(built, BaseEstimator):
        parameters = set(built._get_param_names())  # type: ignore[attr-defined]
    for name in set(state) - parameters:
        found = inspect.getattr_static(built, name, None)
        is_method = callable(found) or inspect.isdatadescriptor(found)
        if is_method or name.startswith(("__", "_doc_link")):
            raise ValueError(f"{built.__name__} has no attribute {name!r} to set.")


def _may_be_built(of: type) -> bool:
    """Whether files may name a class: no code runs but that which sets attributes."""
    package, *parts = of.__module__.split(".")
    if package not in (_OURS, _SKLEARN) or _NOT_FOR_USERS & set(parts):
        return False
    if issubclass(of, BaseEstimator) or _name(of) in _REQUESTS:
        return True
    return package == _OURS and _is_record(of)


def _name(of: Any) -> str:
    return f"{of.__module__}:{of.__qualname__}"


def _function(name: str) -> Any:
    """A function of ours, as those that a recipe's steps are made of, else None."""
    is_ours = name.startswith(f"{_OURS}.") and not name.startswith(_OF_FILES)
    found = _found(name) if is_ours else None
    return found if inspect.isfunction(found) else None


def _found(name: str) -> Any:
    """A function or class of ours or of scikit-learn by its name, else None."""
    module, _, path = name.partition(":")
    package, *parts = module.split(".")
    if package not in (_OURS, _SKLEARN) or _NOT_FOR_USERS & set(parts):
        return None
    if not path.isidentifier():
        return None
    try:
        found = getattr(importlib.import_module(module), path, None)
    except ImportError:
        return None
    # One that a module has imported from elsewhere is not its own.
    return found if getattr(found, "__module__", None) == module else None
