"""What the erosion loss of Hausdorff distances runs against."""

from benchmarks.groups.morphology import textbook
from benchmarks.rows import Peer

ON_NUMPY = Peer("textbook", ("scipy",), lambda: textbook.on_numpy)
ON_JAX = Peer("textbook", ("jax",), lambda: textbook.on_jax)
