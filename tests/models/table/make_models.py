"""Writes a pipeline of scikit-learn on a table of numbers and texts, as skl2onnx exports it.

Run it by hand when the model changes (`pip install pandas scikit-learn skl2onnx`, then `python make_models.py`).

  table.onnx  StandardScaler and OneHotEncoder by a ColumnTransformer, then LogisticRegression with classes that are texts
  table.npz   rows of its inputs, the last of a port that is no category, and what the library predicts as `expected`
"""

import os

import numpy as np
import pandas as pd
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(0)
n = 300
table = pd.DataFrame(
    {
        "age": rng.integers(18, 90, n).astype(np.float32),
        "fare": rng.exponential(30, n).astype(np.float32),
        "sex": rng.choice(["female", "male"], n),
        "port": rng.choice(["Cherbourg", "Queenstown", "Southampton"], n),
    }
)
score = (table.sex == "female") * 1.5 - table.age / 60 + table.fare / 80 + rng.normal(0, 0.3, n)
survived = np.where(score > 0.4, "survived", "died")
columns = [("numbers", StandardScaler(), ["age", "fare"]), ("texts", OneHotEncoder(handle_unknown="ignore"), ["sex", "port"])]
pipeline = Pipeline([("columns", ColumnTransformer(columns)), ("model", LogisticRegression())])
pipeline.fit(table[:200], survived[:200])
kinds = {"age": FloatTensorType, "fare": FloatTensorType, "sex": StringTensorType, "port": StringTensorType}
onnx = convert_sklearn(
    pipeline,
    initial_types=[(name, kind([None, 1])) for name, kind in kinds.items()],
    options={id(pipeline): {"zipmap": False}},
    target_opset=17,
)
with open(os.path.join(HERE, "table.onnx"), "wb") as file:
    file.write(onnx.SerializeToString())
rows = table[200:].copy()
rows.iloc[-1, rows.columns.get_loc("port")] = "Belfast"
arrays = {name: rows[name].to_numpy().reshape(-1, 1) for name in kinds}
arrays = {name: a if a.dtype == np.float32 else a.astype(str) for name, a in arrays.items()}
np.savez_compressed(os.path.join(HERE, "table.npz"), expected=pipeline.predict(rows).astype(str), **arrays)
