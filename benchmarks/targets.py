"""The targets of the project, and their table.

Ratios are the peer's cost over xloss's. `because` is filled in where a target is not
met: what bounds it, with the number.
"""

from collections.abc import Iterable

from benchmarks.report import JsonRow
from benchmarks.verdicts import (
    NOT_MEASURED,
    WORST_FIRST,
    Judgement,
    Target,
    judge,
)

FORWARD = "torch eager, forward"
GRADIENT = "torch eager, forward + backward"
COMPILED = "torch.compile (fullgraph), forward + backward"
JAX = ("JAX jit, forward", "JAX jit, value and gradient")
BACKENDS = "NumPy against torch eager, forward"
CALL_ON_TORCH = "torch eager, a call with 16 elements"
CALL_ON_NUMPY = "NumPy, a call with 16 elements"
NUMPY_MEMORY = "NumPy, extra memory beyond inputs and result"

ELEMENTWISE = (
    "charbonnier",
    "cauchy",
    "welsch",
    "geman_mcclure",
    "general_robust",
    "mse",
    "l1",
    "smooth_l1",
    "huber",
    "log_cosh",
    "quantile",
)

TARGETS = (
    Target("kornia, forward", (FORWARD,), ("kornia",), at_least=1.5, mean=True),
    Target(
        "kornia, forward + backward", (GRADIENT,), ("kornia",), at_least=2.0, mean=True
    ),
    Target(
        "kornia, forward + backward, each loss",
        (GRADIENT,),
        ("kornia",),
        at_least=0.95,
        # kornia has paths by hand for focal and dice, with a backward of its own;
        # geman_mcclure pays for its digits.
        but={"focal": 0.6, "dice": 0.6, "geman_mcclure": 0.8},
    ),
    Target(
        "kornia, forward + backward, where it convolves or loops",
        (GRADIENT,),
        ("kornia",),
        losses=("ssim", "ssim3d", "ms_ssim_l1", "hausdorff_er", "mi", "nmi"),
        at_least=2.0,
        but={"ssim3d": 5.0, "ms_ssim_l1": 10.0, "hausdorff_er": 4.0, "mi": 3, "nmi": 3},
    ),
    Target(
        "kornia, largest extra memory, each loss",
        ("torch eager, largest extra memory of forward + backward",),
        ("kornia",),
        at_least=1.0,
    ),
    Target("kornia, both compiled", (COMPILED,), ("kornia",), at_least=1.2, mean=True),
    Target("kornia, both compiled, each loss", (COMPILED,), ("kornia",), at_least=0.95),
    Target(
        "torch's own kernels, both compiled, each loss",
        (COMPILED,),
        ("F.",),
        losses=("mse", "l1", "huber", "smooth_l1", "cross_entropy"),
        at_least=1 / 1.1,
    ),
    Target(
        "optax, dm-pix and keras, JAX jit, each loss",
        JAX,
        ("optax", "dm-pix", "keras"),
        at_least=1.0,
    ),
    Target("dm-pix, JAX jit, SSIM", JAX, ("dm-pix",), losses=("ssim",), at_least=5.0),
    Target(
        "textbook, NumPy, each elementwise loss",
        ("NumPy, mean",),
        ("textbook",),
        losses=ELEMENTWISE,
        at_least=2.0,
    ),
    Target(
        "scikit-image, NumPy, SSIM",
        ("NumPy",),
        ("scikit-image",),
        losses=("ssim",),
        at_least=2.5,
    ),
    Target("xloss on torch eager, NumPy, each loss", (BACKENDS,), at_least=1 / 2.5),
    Target(
        "kornia, a call with 16 elements",
        (CALL_ON_TORCH,),
        ("kornia",),
        at_least=1.0,
        mean=True,
    ),
    Target(
        "kornia, a call with 16 elements, each loss",
        (CALL_ON_TORCH,),
        ("kornia",),
        at_least=1 / 1.7,
    ),
    Target(
        "a call with 16 elements, NumPy, us, each elementwise loss",
        (CALL_ON_NUMPY,),
        losses=ELEMENTWISE,
        at_most=15.0,
    ),
    Target(
        "memory beyond inputs and result, NumPy, MiB, each elementwise loss",
        (f"{NUMPY_MEMORY}, 'mean'", f"{NUMPY_MEMORY}, 'none'"),
        at_most=16.0,
    ),
    Target(
        "memory beyond inputs and result, NumPy, in inputs, cross_entropy and focal",
        (NUMPY_MEMORY,),
        losses=("cross_entropy", "focal"),
        at_most=2.0,
    ),
    Target(
        "memory beyond inputs and result, NumPy, MiB, mutual information",
        (NUMPY_MEMORY,),
        losses=("mi", "nmi"),
        at_most=8.0,
    ),
    Target(
        "memory beyond inputs, NumPy, MiB, SSIM",
        ("NumPy, extra memory beyond inputs",),
        losses=("ssim",),
        at_most=2048.0,
    ),
    Target(
        "memory of a process, torch eager, MiB, mutual information",
        ("torch eager, largest memory of a process that does forward + backward",),
        at_most=1024.0,
    ),
    Target(
        "gradient, NumPy, in times of the value, each elementwise loss",
        ("NumPy, value and gradient, in times of the value",),
        losses=(*ELEMENTWISE, "binary_cross_entropy"),
        at_most=2.5,
    ),
    Target(
        "gradient, NumPy, in times of the value, other losses",
        ("NumPy, value and gradient, in times of the value",),
        losses=("ssim", "total_variation", "dice", "binary_focal", "focal"),
        at_most=4.0,
    ),
    Target(
        "gradient, NumPy, against torch eager and back",
        ("NumPy, value and gradient",),
        ("torch, and back",),
        losses=("charbonnier", "ssim"),
        at_least=1.0,
    ),
    Target(
        "gradient of 16 elements, NumPy, us, each elementwise loss",
        ("NumPy, value and gradient of 16 elements",),
        at_most=60.0,
    ),
    Target(
        "finite differences, calls of L-BFGS-B",
        ("SciPy's L-BFGS-B, evaluations to the same optimum",),
        at_least=100.0,
    ),
    Target(
        "SciPy's own losses, relative difference of the fits",
        ("SciPy's least_squares, relative difference of the fits",),
        at_most=1e-8,
    ),
)


def judged(rows: Iterable[JsonRow]) -> list[Judgement]:
    """Hold rows to every target that they say something about."""
    rows = list(rows)
    judgements = (judge(target, rows) for target in TARGETS)
    return [each for each in judgements if each.verdict != NOT_MEASURED]


def table(judgements: Iterable[Judgement]) -> str:
    """Lay out what was reached, then what was not, and why."""
    judgements = list(judgements)
    lines = [
        (each.target.what, each.target.bound, each.verdict, each.measured)
        for each in judgements
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    laid_out = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
    unmet = [
        f"{each.target.what}, {each.target.bound}: {shortcomings(each)}"
        for each in judgements
        if each.unmet
    ]
    return "\n".join([*laid_out, "", count(judgements), *unmet])


def shortcomings(judgement: Judgement) -> str:
    """Say what does not reach a target, and what bounds it."""
    return "; ".join(
        f"{finding.name} {finding.measured}"
        + (" (within the spread)" if finding.verdict == "close" else "")
        + (f": {finding.because}" if finding.because else "")
        for finding in judgement.unmet
    )


def count(judgements: Iterable[Judgement]) -> str:
    verdicts = [each.verdict for each in judgements]
    counted = (f"{verdicts.count(word)} {word}" for word in reversed(WORST_FIRST))
    return f"Targets: {', '.join(counted)}"
