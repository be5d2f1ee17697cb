"""Boosted trees on data of which 20 % are wrong: Welsch's loss in LightGBM.

Boosting divides the slope of the loss by its curvature. Welsch's true second derivative
is negative far from the target, and a step by it goes anywhere; the majorizer, the
curvature of a parabola above the loss, is never negative, and a step by it goes down.

Run it with ``python examples/boosting.py --figure boosting.png``.
"""

import argparse

import numpy as np
from lightgbm import LGBMRegressor
from matplotlib.figure import Figure

import xloss
from xloss.interop import lightgbm_objective

NOISE = 0.2  # standard deviation of what is right
WRONG = 0.2  # the share of targets that are too large, by 3 to 12
WELSCH = xloss.WelschLoss(scale=5 * NOISE)
TREES = {
    "n_estimators": 200,
    "num_leaves": 15,
    "n_jobs": 1,
    "deterministic": True,
    "verbose": -1,
}


def truth(x):
    """Return what the trees should find."""
    return np.sin(x) + 0.3 * x


def measure(points):
    """Return features (n, 1) and targets (n,), some of them wrong."""
    random = np.random.default_rng(1999)
    x = random.uniform(0.0, 10.0, points)
    y = truth(x) + random.normal(0.0, NOISE, points)
    wrong = random.random(points) < WRONG
    return x[:, np.newaxis], y + wrong * random.uniform(3.0, 12.0, points)


def boosted(loss, features, targets):
    """Return trees for one of LightGBM's own losses, and what they start from."""
    return LGBMRegressor(objective=loss, **TREES).fit(features, targets), 0.0


def boosted_welsch(curvature, features, targets):
    """Return trees for Welsch's loss, and what they start from."""
    objective = lightgbm_objective(WELSCH, curvature=curvature)
    start = objective.init_score(targets)
    trees = LGBMRegressor(objective=objective, **TREES)
    trees.fit(features, targets, init_score=np.full(len(targets), start))
    return trees, start


def learn(features, targets):
    """Return the trees of each method, and what they start from."""
    return {
        "squared error": boosted("l2", features, targets),
        "absolute error": boosted("l1", features, targets),
        "Welsch, hessian": boosted_welsch("hessian", features, targets),
        "Welsch, majorizer": boosted_welsch("majorizer", features, targets),
    }


def predict(learned, x, count=None):
    """Return what the first trees, or all, say of x."""
    trees, start = learned
    # The trees leave what they start from to the caller.
    return start + trees.predict(x[:, np.newaxis], num_iteration=count)


def error(learned, x, count=None):
    """Return the root mean square error, against the truth."""
    return float(np.sqrt(np.mean((predict(learned, x, count) - truth(x)) ** 2)))


def draw(path, features, targets, methods, x):
    """Draw targets and predictions, and the error while trees are added."""
    styles = dict(zip(methods, ("C1-", "C2--", "C3:", "C0-"), strict=True))
    counts = range(1, TREES["n_estimators"] + 1, 3)
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(features[:, 0], targets, ".", color="0.75", markersize=2, label="targets")
    left.plot(x, truth(x), color="k", linewidth=3, label="truth")
    for name, learned in methods.items():
        if name != "Welsch, hessian":  # out of sight
            left.plot(x, predict(learned, x), styles[name], linewidth=1.2)
        errors = [error(learned, x, count) for count in counts]
        right.semilogy(counts, errors, styles[name], label=name)
    left.set(title="targets and predictions", xlabel="x", ylabel="y")
    right.set(title="root mean square error on clean data", xlabel="trees")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=6)
    figure.savefig(path, dpi=160, metadata={"Software": None})


def main(arguments=None):
    """Learn, and print the errors on clean data."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=4000, help="to learn from")
    parser.add_argument("--figure", metavar="PATH", help="draw the predictions")
    chosen = parser.parse_args(arguments)
    features, targets = measure(chosen.points)
    methods = learn(features, targets)
    clean = np.linspace(0.0, 10.0, 1001)
    print("root mean square error on clean data")
    for name, learned in methods.items():
        print(f"{name:18} {error(learned, clean):7.3f}")
    if chosen.figure:
        draw(chosen.figure, features, targets, methods, clean)


if __name__ == "__main__":
    main()
