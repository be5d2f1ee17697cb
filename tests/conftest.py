"""What tests of several modules share."""

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Threads that wait for each other take longer than a small image does."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def same_numbers():
    """A test meets the same random tensors in each run."""
    torch.manual_seed(0)


@pytest.fixture
def graphs():
    """A compile backend that keeps the graphs, without a compiler."""
    torch._dynamo.reset()
    seen = []

    def backend(module, inputs):
        seen.append(module)
        return module.forward

    backend.seen = seen
    yield backend
    torch._dynamo.reset()
