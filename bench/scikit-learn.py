"""Times scikit-learn for the benches: one request a line on stdin as JSON, the seconds a line on stdout."""

import json
import sys
import time
import warnings

import numpy as np
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

warnings.simplefilter("ignore", ConvergenceWarning)
cache = {}


def data(file, rows, columns):
    key = (file, rows, columns)
    if key not in cache:
        cache[key] = np.fromfile(file, dtype=np.float32).reshape(rows, columns)
    return cache[key]


def mixture(x, covariance, components):
    """A mixture with given responsibilities, so that only what is timed is iterated."""
    model = GaussianMixture(components, covariance_type=covariance, max_iter=1, init_params="random", random_state=0)
    return model.fit(x[:5000].astype(np.float64))


def run(task, file, rows, columns, components, covariance=None):
    x = data(file, rows, columns)
    if task == "incremental":
        work = lambda: IncrementalPCA(components, batch_size=2048).fit(x)
    elif task == "pca":
        work = lambda: PCA(components, svd_solver="full").fit(x)
    else:
        model = mixture(x, covariance, components)
        if task == "score":
            work = lambda: model.score_samples(x)
        else:
            wide = x.astype(np.float64)

            def work():
                _, log_resp = model._e_step(wide)
                model._m_step(wide, log_resp)

    start = time.perf_counter()
    work()
    return time.perf_counter() - start


print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    print(json.dumps(run(**json.loads(line))), flush=True)
