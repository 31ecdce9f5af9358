"""The same fits with SciPy, for the table of crates/fit/README.md.

    python scripts/fit_scipy.py runs.csv [--published]

runs.csv has the columns params, tokens, loss. Needs numpy and scipy. `--published` also times the fit as published: 4,500
starts of L-BFGS-B with finite differences (a minute).
"""

import csv
import itertools
import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy.optimize import minimize

DELTA = 1e-3


def read(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    return [np.array([float(r[k]) for r in rows]) for k in ("params", "tokens", "loss")]


def objective(x, y, target, gradient=True):
    """Sum of Huber(ln L - ln(E + A/N^alpha + B/D^beta)) and its gradient."""

    def value(t):
        e, a, alpha, b, beta = t
        terms = np.stack([np.full_like(x, e), a - alpha * x, b - beta * y])
        top = terms.max(axis=0)
        weights = np.exp(terms - top)
        total = weights.sum(axis=0)
        r = target - top - np.log(total)
        psi = np.clip(r, -DELTA, DELTA)
        loss = float((psi * (r - 0.5 * psi)).sum())
        if not gradient:
            return loss
        p = weights / total
        return loss, -np.array(
            [(psi * p[0]).sum(), (psi * p[1]).sum(), -(psi * x * p[1]).sum(), (psi * p[2]).sum(), -(psi * y * p[2]).sum()]
        )

    return value


def timed(label, run, repeats):
    times = sorted(clock(run) for _ in range(repeats))
    print(f"{label:60} median {times[len(times) // 2]:12.6f} s of {repeats}", flush=True)


def clock(run):
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def main():
    n, d, loss = read(sys.argv[1])
    ln_n, ln_d, target = np.log(n), np.log(d), np.log(loss)
    x, y = ln_n - ln_n.mean(), ln_d - ln_d.mean()
    least = loss.min()
    start = np.array([np.log(0.8 * least), np.log(0.2 * least), 0.35, np.log(0.2 * least), 0.35])
    options = {"maxiter": 1000, "gtol": 1e-9, "ftol": 1e-15}

    def fit(f, t=start):
        return minimize(f, t, jac=True, method="L-BFGS-B", options=options)

    f = objective(x, y, target)
    best = fit(f)
    print(f"{len(n)} runs; objective {best.fun:.12e}; alpha {best.x[2]:.6f}; beta {best.x[4]:.6f}")
    timed("one start, centred, analytic gradient", lambda: fit(f), 20)

    random = np.random.default_rng(0)

    def multi():
        starts = [start + random.normal(0, [0.2, 1, 0.2, 1, 0.2]) for _ in range(8)]
        return min(fit(f, s).fun for s in starts)

    timed("8 starts, centred, analytic gradient", multi, 5)

    def bootstrap(draws=4000):
        for _ in range(draws):
            k = random.integers(0, len(x), len(x))
            fit(objective(x[k], y[k], target[k]), best.x)

    timed("bootstrap of 4,000, centred, analytic gradient", bootstrap, 1)

    if "--published" in sys.argv:
        plain = objective(ln_n, ln_d, target, gradient=False)
        grid = itertools.product([-1, -0.5, 0, 0.5, 1], range(0, 30, 5), [0, 0.5, 1, 1.5, 2], range(0, 30, 5), [0, 0.5, 1, 1.5, 2])

        def published():
            for t in grid:
                minimize(plain, np.array(t, float), method="L-BFGS-B")

        timed("4,500 starts, finite differences, not centred", published, 1)


if __name__ == "__main__":
    main()
