"""Tuples, lists and dicts of arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from typing import Any

import numpy as np

__all__ = ["leaves_of", "map_leaves"]


def leaves_of(tree: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield what is in tuples, lists and dicts, with a name for messages."""
    if type(tree) is np.ndarray:
        yield name, tree
    elif isinstance(tree, dict):
        for key, x in tree.items():
            yield from leaves_of(x, f"{name}[{key!r}]")
    elif isinstance(tree, (tuple, list)):
        for i, x in enumerate(tree):
            yield from leaves_of(x, f"{name}[{i}]")
    else:
        yield name, tree


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """Apply a function to what is in tuples, lists and dicts.

    What holds nothing that changes is returned itself.
    """
    if type(tree) is np.ndarray:
        return function(tree)
    if isinstance(tree, dict):
        parts = {key: map_leaves(function, x) for key, x in tree.items()}
        if all(parts[key] is x for key, x in tree.items()):
            return tree
        changed = copy(tree)
        changed.update(parts)
        return changed
    if isinstance(tree, (tuple, list)):
        items = [map_leaves(function, x) for x in tree]
        if all(new is old for new, old in zip(items, tree, strict=True)):
            return tree
        kind: Any = type(tree)
        return kind(*items) if hasattr(kind, "_fields") else kind(items)
    return function(tree)
