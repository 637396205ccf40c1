"""Times the matrix products of dense layers in PyTorch: y = x Wt, dx = dy W, dW = dyt x.

Called as torch_products.py THREADS ROWS REPEATS INPUTSxOUTPUTS...; prints a line with PyTorch's version and the library
of its matrix products, and for each shape a line INPUTSxOUTPUTS forward_ms input_gradient_ms weight_gradient_ms, medians.
"""

import os
import statistics
import sys
import time

import torch


def median_ms(product, operations, repeats):
    times = max(1, int(1e9 // operations))
    seconds = []
    for i in range(repeats + 1):
        start = time.perf_counter()
        for _ in range(times):
            product()
        if i > 0:  # the first warms up
            seconds.append((time.perf_counter() - start) / times)
    return 1e3 * statistics.median(seconds)


def library():
    with open("/proc/self/maps") as maps:
        paths = {line.split()[-1] for line in maps if "/" in line}
    found = sorted(os.path.realpath(path) for path in paths if any(name in os.path.basename(path) for name in ("blas", "mkl_rt", "libblis")))
    return found[0] if found else "one of its own"


def main():
    threads, rows, repeats = map(int, sys.argv[1:4])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    torch.mm(torch.ones(2, 2), torch.ones(2, 2))
    print("torch", torch.__version__, library(), flush=True)
    with torch.no_grad():
        for shape in sys.argv[4:]:
            inputs, outputs = map(int, shape.split("x"))
            x, w = torch.randn(rows, inputs), torch.randn(outputs, inputs)
            y, dy = torch.empty(rows, outputs), torch.randn(rows, outputs)
            dx, dw = torch.empty(rows, inputs), torch.empty(outputs, inputs)
            # Results are overwritten, as PyTorch's own backward pass does before it accumulates.
            products = (
                lambda: torch.mm(x, w.t(), out=y),
                lambda: torch.mm(dy, w, out=dx),
                lambda: torch.mm(dy.t(), x, out=dw),
            )
            operations = 2 * rows * inputs * outputs
            print(shape, *(f"{median_ms(p, operations, repeats):.6f}" for p in products), flush=True)


if __name__ == "__main__":
    main()
