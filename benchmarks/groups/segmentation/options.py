"""The options with which the segmentation losses and their peers are measured."""

ALPHA, GAMMA = 0.25, 2.0  # focal
FALSE_POSITIVES, FALSE_NEGATIVES = 0.3, 0.7  # Tversky's alpha and beta
FOCAL_TVERSKY_GAMMA = 4 / 3
LABEL_SMOOTHING = 0.1
