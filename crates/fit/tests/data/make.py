"""Makes the tables of this folder and what NumPy and SciPy find in them. Writes over both.

    python -m pip install numpy scipy && python make.py

Nothing here is of the crate: laws are fitted by SciPy's BFGS from many starts and polished by Newton's method on the
analytic derivatives or by Nelder-Mead, parabolas by `numpy.polyfit`, Akima's curves by `scipy.interpolate`.
"""

import json
import numpy as np
from scipy.interpolate import Akima1DInterpolator
from scipy.optimize import least_squares, minimize, minimize_scalar, nnls

LAW = dict(E=1.8172, A=482.01, alpha=0.3478, B=2085.43, beta=0.3658)
SLOPE = LAW["beta"] / (LAW["alpha"] + LAW["beta"])


def loss(n, d, law=LAW):
    return law["E"] + law["A"] / n ** law["alpha"] + law["B"] / d ** law["beta"]


def best_size(c, law=LAW):
    g = law["alpha"] * law["A"] / (law["beta"] * law["B"])
    return (g * (c / 6) ** law["beta"]) ** (1 / (law["alpha"] + law["beta"]))


# Tables: (params, tokens, flops, loss, model).


def scattered(random):
    """240 runs anywhere in a wide range, with noise of fat tails: as read from a figure."""
    n = 5e7 * 10 ** (2.4 * random.random(240))
    d = 1e9 * 10 ** (2.2 * random.random(240))
    noise = 0.004 * random.standard_t(3, 240)
    return n, d, 6 * n * d, loss(n, d) * np.exp(noise), None


def slices(random):
    """9 budgets of 13 sizes, each run with noise of its own, and one size of each budget badly tuned."""
    n, c = [], []
    for k in range(9):
        budget = 6e18 * 10 ** (0.375 * k)
        shift = 4 ** (0.2 * random.standard_normal())
        for i in range(13):
            n.append(best_size(budget) * shift * 6 ** (i / 6 - 1))
            c.append(budget)
    n, c = np.array(n), np.array(c)
    d = c / 6 / n
    off = 0.003 * random.standard_normal(len(n))
    off[4::13] += 0.02
    return n, d, c, loss(n, d) * np.exp(off), None


def drifting(random):
    """12 budgets of 9 sizes whose centre drifts from the best one, with the lopsided law of small models."""
    law = dict(E=3.1, A=20000.0, alpha=0.62, B=8.0e5, beta=0.70)
    n, c = [], []
    for k in range(12):
        budget = 1.25e16 * 2.0**k
        for i in range(9):
            n.append(best_size(budget, law) * 1.06 ** (k - 6) * 1.4 ** (i - 4))
            c.append(budget)
    n, c = np.array(n), np.array(c)
    d = c / 6 / n
    return n, d, c, loss(n, d, law) * np.exp(0.002 * random.standard_normal(len(n))), None


def checkpoints(random):
    """22 models of 10 checkpoints, which share most of their noise; C is not 6 N D."""
    n = np.repeat(5e7 * 40 ** (np.arange(22) / 21), 10)
    d = np.tile(1e10 * np.arange(1, 11), 22)
    c = 7.1 * n**0.98 * d
    off = np.repeat(0.004 * random.standard_normal(22), 10) + 0.001 * random.standard_normal(220)
    model = np.repeat(np.arange(22), 10)
    return n, d, c, loss(n, d) * np.exp(off), model


def exact(_):
    """8 budgets of 9 sizes without any noise."""
    n, c = [], []
    for k in range(8):
        budget = 6e18 * 2.5**k
        for i in range(9):
            n.append(best_size(budget) * 5 ** (i / 4 - 1))
            c.append(budget)
    n, c = np.array(n), np.array(c)
    return n, c / 6 / n, c, loss(n, c / 6 / n), None


# Approach 3.


class Fit:
    """One law on one table under one objective, centred."""

    def __init__(self, n, d, l, objective, weights=None):
        self.mx, self.my = np.log(n).mean(), np.log(d).mean()
        self.x, self.y = np.log(n) - self.mx, np.log(d) - self.my
        self.l, self.objective = l, objective
        self.w = np.ones(len(n)) if weights is None else weights

    def model(self, t):
        terms = np.array([np.full(len(self.x), np.exp(t[0])), np.exp(t[1] - t[2] * self.x), np.exp(t[3] - t[4] * self.y)])
        total = terms.sum(0)
        slope = np.array([terms[0], terms[1], -self.x * terms[1], terms[2], -self.y * terms[2]])
        if self.objective == "mse_linear":
            return total, slope
        return np.log(total), slope / total

    def target(self):
        return self.l if self.objective == "mse_linear" else np.log(self.l)

    def value(self, t):
        model, slope = self.model(t)
        r = self.target() - model
        if self.objective == "huber":
            psi = np.clip(r, -1e-3, 1e-3)
            return (self.w * psi * (r - 0.5 * psi)).sum(), -(slope * self.w * psi).sum(1)
        half = 1.0 if self.objective == "mse_linear" else 0.5
        return half * (self.w * r * r).sum(), -2 * half * (slope * self.w * r).sum(1)

    def starts(self):
        for alpha in (0.15, 0.3, 0.5, 0.8):
            for beta in (0.15, 0.3, 0.5, 0.8):
                columns = np.array([np.ones(len(self.x)), np.exp(-alpha * self.x), np.exp(-beta * self.y)]).T
                found, _ = nnls(columns / self.l[:, None], np.ones(len(self.l)))
                e, a, b = np.log(np.maximum(found, 1e-3))
                yield np.array([e, a, alpha, b, beta])

    def polish(self, t):
        if self.objective != "huber":
            root = np.sqrt(self.w)
            end = least_squares(
                lambda t: root * (self.target() - self.model(t)[0]),
                t,
                lambda t: -(self.model(t)[1] * root).T,
                xtol=1e-15,
                ftol=1e-15,
                gtol=1e-15,
            ).x
            return self.value(end)[0], end
        # Newton's steps on the pieces of Huber's loss, halved until they help.
        value, slope = self.value(t)
        for _ in range(200):
            model, g = self.model(t)
            r = self.target() - model
            inside = self.w * (np.abs(r) <= 1e-3)
            psi = self.w * np.clip(r, -1e-3, 1e-3)
            h = (g * (inside + psi)) @ g.T
            curve = np.array([g[0], g[1], -self.x * g[1], g[3], -self.y * g[3]])
            first = np.zeros((5, 5))
            first[0, 0] = (psi * curve[0]).sum()
            for i, column in ((1, self.x), (3, self.y)):
                first[i, i] = (psi * g[i]).sum()
                first[i, i + 1] = first[i + 1, i] = -(psi * column * g[i]).sum()
                first[i + 1, i + 1] = (psi * column**2 * g[i]).sum()
            h = h - first
            damping = 0.0
            for _ in range(60):
                step = np.linalg.solve(h + damping * np.diag(np.abs(np.diag(h)) + 1e-12), -slope)
                there, next_slope = self.value(t + step)
                if there < value:
                    break
                damping = max(10 * damping, 1e-6)
            else:
                break
            done = value - there < 1e-16 * value
            t, value, slope = t + step, there, next_slope
            if done:
                break
        return value, t

    def best(self, starts=None):
        ends = []
        for start in starts if starts is not None else self.starts():
            rough = minimize(self.value, start, jac=True, method="BFGS", options=dict(gtol=1e-12)).x
            ends.append(self.polish(rough))
        return min(ends, key=lambda e: e[0])

    def natural(self, t):
        return dict(
            E=np.exp(t[0]), A=np.exp(t[1] + t[2] * self.mx), alpha=t[2], B=np.exp(t[3] + t[4] * self.my), beta=t[4]
        )


def law_fits(n, d, l):
    out = {}
    for objective in ("mse_linear", "mse_log", "huber"):
        fit = Fit(n, d, l, objective)
        value, t = fit.best()
        out[objective] = dict(fit.natural(t), a=t[4] / (t[2] + t[4]), value=value)
    return out


# Approach 2.


def power_law(c, values):
    slope, middle = np.polyfit(np.log(c) - np.log(c).mean(), np.log(values), 1)
    return dict(exponent=slope, log_coefficient=middle - slope * np.log(c).mean())


def parabola(n, l):
    x = np.log(n) - np.log(n).mean()
    c2, c1, _ = np.polyfit(x, l, 2)
    return np.exp(np.log(n).mean() - 0.5 * c1 / c2)


def akima(n, l):
    order = np.argsort(n)
    x, y = np.log(n[order]), np.log(l[order])
    curve = Akima1DInterpolator(x, y)
    best = (np.inf, None)
    for lo, hi in zip(x[:-1], x[1:]):
        end = minimize_scalar(curve, bounds=(lo, hi), method="bounded", options=dict(xatol=1e-12))
        best = min(best, (end.fun, end.x))
    return np.exp(best[1])


def minima(n, d, c, l, find):
    budgets = np.unique(c)
    sizes = np.array([find(n[c == b], l[c == b]) for b in budgets])
    return dict(
        budgets=budgets,
        params=sizes,
        tokens=budgets / 6 / sizes,
        of_params=power_law(budgets, sizes),
        of_tokens=power_law(budgets, budgets / 6 / sizes),
    )


# Forecasts.


def forecast(n, d, c, l, budgets):
    top = np.unique(c)[-budgets]
    train, test = c < top, c >= top
    out = dict(
        n_train=int(train.sum()),
        n_test=int(test.sum()),
        scale_up=c[test].max() / c[train].max(),
        naive=np.mean(np.abs(l[train].min() - l[test]) / l[test]),
    )
    for objective in ("mse_linear", "mse_log", "huber"):
        fit = Fit(n[train], d[train], l[train], objective)
        law = fit.natural(fit.best()[1])
        off = (loss(n[test], d[test], law) - l[test]) / l[test]
        out[objective] = dict(law, mean=np.mean(np.abs(off)), worst=np.abs(off).max(), signed=off.mean())
    return out


def bootstrap(n, d, l, random, draws=3000):
    """Pairs under Huber's loss, each refit from the fit to all."""
    fit = Fit(n, d, l, "huber")
    _, start = fit.best()
    found = []
    for _ in range(draws):
        weights = np.bincount(random.integers(0, len(n), len(n)), minlength=len(n)).astype(float)
        drawn = Fit(n, d, l, "huber", weights)
        wide = Fit(n, d, l, "mse_log", weights)
        t = min((drawn.polish(s) for s in (start, wide.polish(start)[1])), key=lambda e: e[0])[1]
        law = drawn.natural(t)
        log_n = np.log(best_size(1e23, law))
        found.append(
            [law["E"], law["alpha"], law["beta"], t[4] / (t[2] + t[4]), log_n, np.log(1e23 / 6) - log_n]
        )
    found = np.array(found)
    names = ["E", "alpha", "beta", "a", "log_params_1e23", "log_tokens_1e23"]
    ends = np.percentile(found, [2.5, 10, 90, 97.5], axis=0)
    correlations = np.corrcoef(found[:, :3].T)
    return dict(
        draws=draws,
        standard_error=dict(zip(names, found.std(0, ddof=1))),
        percentiles={name: list(ends[:, k]) for k, name in enumerate(names)},
        correlation=dict(E_alpha=correlations[0, 1], E_beta=correlations[0, 2], alpha_beta=correlations[1, 2]),
    )


# Figures that need no table.


def flatness():
    out = {}
    for c in (1e19, 1e21, 1e24):
        n = best_size(c)
        best = loss(n, c / 6 / n)
        over = lambda t: loss(n * np.exp(t), c / 6 / n / np.exp(t)) / best - 1

        def end(tolerance, sign):
            lo, hi = 0.0, 8.0
            for _ in range(200):
                middle = 0.5 * (lo + hi)
                lo, hi = (middle, hi) if over(sign * middle) < tolerance else (lo, middle)
            return np.exp(lo)

        out[f"{c:.0e}"] = dict(
            params=n,
            loss=best,
            tokens_per_param=c / 6 / n / n,
            times={str(f): [over(np.log(f)), over(-np.log(f))] for f in (1.5, 2, 4, 8)},
            within={str(t): [end(t, 1), end(t, -1)] for t in (0.001, 0.005)},
        )
    return out


def bias():
    """Approach 2 by parabolas on exact laws: error of the exponent of D*, and of D* at 1e24 FLOPs."""
    surfaces = dict(
        symmetric=(0.31, 0.31, 400.0, 400.0, 1.69),
        chinchilla=(0.34, 0.28, 406.4, 410.7, 1.69),
        asymmetric=(0.465, 0.155, 400.0, 400.0, 1.69),
    )
    out = {}
    for name, (alpha, beta, a, b, e) in surfaces.items():
        law = dict(E=e, A=a, alpha=alpha, B=b, beta=beta)
        cases = {w: (width, lambda k: 0.0) for w, width in (("XS", 2), ("S", 4), ("L", 8), ("XL", 16))}
        cases["XS_drift3"] = (2, lambda k: np.log10(3) * k / 4)
        cases["XS_offset3"] = (2, lambda k: np.log10(3))
        for case, (width, shift) in cases.items():
            budgets, found = 10.0 ** np.arange(17, 22), []
            for k, c in enumerate(budgets):
                centre = np.log10(c / 6 / best_size(c, law)) + shift(k)
                d = 10 ** (centre + np.log10(width) * (np.arange(15) / 7 - 1))
                n = c / 6 / d
                found.append(c / 6 / parabola(n, loss(n, d, law)))
            fitted = power_law(budgets, np.array(found))
            at = np.exp(fitted["log_coefficient"] + fitted["exponent"] * np.log(1e24))
            truth = 1e24 / 6 / best_size(1e24, law)
            out[f"{name}_{case}"] = [fitted["exponent"] - alpha / (alpha + beta), at / truth - 1]
    return out


def counting():
    """Pearce & Song 2024, arXiv:2406.12907, section 3: what a study that counts as Kaplan's did reads off a law."""
    laws = dict(
        epoch=dict(E=1.8172, A=482.01, alpha=0.3478, B=2085.43, beta=0.3658),
        chinchilla=dict(E=1.6934, A=406.4, alpha=0.3392, B=410.7, beta=0.2849),
    )
    total = lambda n: n + 47491.0 * np.cbrt(n)
    sizes, lengths = np.logspace(2.9, 9.2, 20), np.logspace(6, 25, 1000)
    out = {}
    for key, law in laws.items():
        studies = {}
        for name, count, ends in (("non_embedding", lambda n: n, (12.95, 20.7)), ("total", total, (14, 20.7))):
            rows = []
            for c in np.logspace(*ends, 100):
                d = lengths[np.abs(lengths[:, None] - c / 6 / count(sizes)).argmin(0)]
                losses = loss(total(sizes), d, law)
                best = losses.argmin()
                rows.append([c, count(sizes[best]), losses[best], losses[best] - law["E"]])
            logs = np.log(rows)
            slope = lambda k: np.polyfit(logs[:, 0], logs[:, k], 1)[0]
            studies[name] = dict(params=slope(1), loss=slope(2), loss_above_floor=slope(3))
        # From 1e10 parameters on: D of which N is the best size, from dL / dN = 0 along C = 6 N D.
        n = np.logspace(2, 11, 100)[90:]
        weight = (n + 47491.0 / 3 * np.cbrt(n)) / total(n)
        d = (law["beta"] * law["B"] / (law["alpha"] * law["A"] * weight) * total(n) ** law["alpha"]) ** (1 / law["beta"])
        large = np.polyfit(np.log(6 * n * d), np.log(n), 1)[0]
        out[key] = dict(law=law["beta"] / (law["alpha"] + law["beta"]), large=large, **studies)
    return out


def plain(value):
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(v) for v in value]
    return float(value) if isinstance(value, np.floating) else value


def main():
    out = dict(truth=LAW, flatness=flatness(), parabola_bias=bias(), counting=counting(), tables={})
    for seed, make in enumerate((scattered, slices, drifting, checkpoints, exact)):
        n, d, c, l, model = make(np.random.default_rng(seed))
        name = make.__name__
        with open(f"{name}.csv", "w") as file:
            file.write("params,tokens,flops,loss" + (",model" if model is not None else "") + "\n")
            for k in range(len(n)):
                cells = [repr(float(v[k])) for v in (n, d, c, l)]
                file.write(",".join(cells + ([str(model[k])] if model is not None else [])) + "\n")
        table = dict(rows=len(n), law=law_fits(n, d, l))
        if name in ("slices", "drifting", "exact"):
            table["parabola"] = minima(n, d, c, l, parabola)
            table["akima"] = minima(n, d, c, l, akima)
        if name in ("slices", "drifting"):
            table["held_out"] = {str(k): forecast(n, d, c, l, k) for k in (1, 2)}
        if name == "scattered":
            table["bootstrap"] = bootstrap(n, d, l, np.random.default_rng(100))
        out["tables"][name] = table
        print(name, table["law"])
    with open("reference.json", "w") as file:
        json.dump(plain(out), file, indent=1)
        file.write("\n")


main()
