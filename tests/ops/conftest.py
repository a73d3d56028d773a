"""The kernels of the fused mixed operation; the compiled one only if it was built by `make native`."""

import pytest

from archwright.ops.mixed_sum_kernel import PlainKernel
from archwright.ops.native import compiled_kernel


@pytest.fixture(params=["plain", "native"])
def kernel(request):
    made = PlainKernel() if request.param == "plain" else compiled_kernel()
    if made is None:
        pytest.skip("the compiled kernel is not built: `make native`")
    return made
