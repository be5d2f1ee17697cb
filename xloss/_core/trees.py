"""Tuples, lists and dicts of arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

__all__ = ["leaves_of", "map_leaves"]


def leaves_of(tree: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield what is in tuples, lists and dicts, with a name for messages."""
    if type(tree) is np.ndarray:
        yield name, tree
    elif isinstance(tree, dict):
        for key, x in tree.items():
            yield from leaves_of(x, f"{name}[{key!r}]" if name else str(key))
    elif isinstance(tree, (tuple, list)):
        for i, x in enumerate(tree):
            yield from leaves_of(
                x, f"{name}{i}" if name.endswith(" ") else f"{name}[{i}]"
            )
    else:
        yield name, tree


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """Apply a function to what is in tuples, lists and dicts."""
    if type(tree) is np.ndarray:
        return function(tree)
    if isinstance(tree, dict):
        return {key: map_leaves(function, x) for key, x in tree.items()}
    if isinstance(tree, (tuple, list)):
        parts = [map_leaves(function, x) for x in tree]
        return tree._make(parts) if hasattr(tree, "_make") else type(tree)(parts)
    return function(tree)
