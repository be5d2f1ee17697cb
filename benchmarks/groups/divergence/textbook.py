"""The divergences of heat maps as a textbook prints them."""

from typing import Any


def kl_div(xp: Any, pred: Any, target: Any) -> Any:
    return _relative_entropy(xp, target, pred).mean()


def js_div(xp: Any, pred: Any, target: Any) -> Any:
    middle = 0.5 * (pred + target)
    both = _relative_entropy(xp, target, middle) + _relative_entropy(xp, pred, middle)
    return 0.5 * both.mean()


def _relative_entropy(xp: Any, p: Any, q: Any) -> Any:
    return (p * (xp.log(p) - xp.log(q))).sum((-2, -1))
