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

# Packages whose classes may be built: estimators of both, and what else is ours.
_OURS, _SKLEARN = "skmixmate", "sklearn"
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
        return self._once(value, lambda: {kind: self._added(np.asarray(value))})

    def _added(self, array: np.ndarray) -> int:
        self.arrays.append(array)
        return len(self.arrays) - 1

    def _once(self, value: Any, encoded) -> dict:
        if id(value) not in self._places:
            self._alive.append(value)
            self._places[id(value)] = encoded()
        return self._places[id(value)]

    def _other(self, value: Any, where: str) -> dict:
        if isinstance(value, torch.device):
            return {"device": str(value)}
        if isinstance(value, np.random.RandomState):
            _, keys, *rest = value.get_state(legacy=True)
            return {"random_state": [self._added(np.array(keys)), *rest]}
        if isinstance(value, scipy.sparse.csr_array):
            parts = (value.data, value.indices, value.indptr)
            places = [self._added(np.asarray(part)) for part in parts]
            return {"csr": places, "shape": list(value.shape)}
        if inspect.isfunction(value) and _function(_name(value)) is value:
            return {"function": _name(value)}
        if _may_be_built(type(value)):
            return self._once(value, lambda: {"object": self._object(value, where)})
        raise TypeError(
            f"{where} is {value!r}, of which only a pickle could tell how it is made. "
            "Use names, numbers, arrays, estimators of skmixmate or scikit-learn and "
            "functions of skmixmate; or joblib.dump, whose files are to be loaded from "
            "those you trust alone."
        )

    def _object(self, value: Any, where: str) -> int:
        place = len(self.objects)
        self.objects.append({})  # Before those that it is made of.
        state = _state(value)
        self.objects[place] = {
            "class": _name(type(value)),
            "state": [[k, self.encode(v, f"{where}.{k}")] for k, v in state.items()],
        }
        return place


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
        kind = next(iter(node))
        content = node[kind]
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
        if kind == "csr":
            parts = tuple(self.arrays[i] for i in content)
            return scipy.sparse.csr_array(parts, shape=tuple(node["shape"]))
        if kind == "random_state":
            keys, *rest = content
            random_state = np.random.RandomState()
            random_state.set_state(("MT19937", self.arrays[keys], *rest))
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
        if hasattr(value, "__setstate__"):
            value.__setstate__(state)  # Where versions are compared.
        else:
            value.__dict__.update(state)
        return value


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


def _may_be_built(of: type) -> bool:
    """Whether files may name a class: no code runs but that which sets attributes."""
    package = of.__module__.partition(".")[0]
    return package == _OURS or (package == _SKLEARN and issubclass(of, BaseEstimator))


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
    if module.partition(".")[0] not in (_OURS, _SKLEARN) or not path.isidentifier():
        return None
    try:
        found = getattr(importlib.import_module(module), path, None)
    except ImportError:
        return None
    # One that a module has imported from elsewhere is not its own.
    return found if getattr(found, "__module__", None) == module else None
