"""The work of the five-step benchmark: prepare, train, evaluate, condition, register. On files, nothing else.

The floor calls these functions in one process (`workload.py all`), each pipeline job calls one of them; this file
is the jobs' code, so it imports nothing of this project, and the heavy modules where they are used.
"""

import json
import os
import shutil
import sys
import tarfile

CATEGORIES = ["state", "area_code", "intl_plan", "vmail_plan"]
LEAST_AUC = 0.75
ROUNDS = 50
THREADS = 2


def preprocess(raw: str, out: str) -> str:
    """One-hot encode the categories, split 70/15/15, write train.csv, val.csv and test.csv without headers."""
    import pandas as pd
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import OneHotEncoder

    frame = pd.read_csv(raw).drop(columns=["phone"])
    label = frame.pop("churn")
    encoder = OneHotEncoder(sparse_output=False, dtype="uint8", handle_unknown="ignore")
    names = encoder.fit(frame[CATEGORIES]).get_feature_names_out(CATEGORIES)
    encoded = pd.DataFrame(encoder.transform(frame[CATEGORIES]), columns=names, index=frame.index)
    table = pd.concat([label, frame.drop(columns=CATEGORIES), encoded], axis=1)
    train_part, rest = train_test_split(table, test_size=0.3, random_state=1)
    val_part, test_part = train_test_split(rest, test_size=0.5, random_state=1)
    os.makedirs(out, exist_ok=True)
    for name, part in (("train", train_part), ("val", val_part), ("test", test_part)):
        part.to_csv(f"{out}/{name}.csv", index=False, header=False)
    return out


def _matrix(path: str):
    import pandas as pd
    import xgboost as xgb

    table = pd.read_csv(path, header=None)
    features = table.iloc[:, 1:].to_numpy("float32")
    return xgb.DMatrix(features, table.iloc[:, 0].to_numpy("float32"), nthread=THREADS)


def train(data: str, out: str) -> str:
    """Fifty rounds of trees on train.csv; writes model.json."""
    import xgboost as xgb

    settings = {"objective": "binary:logistic", "tree_method": "hist", "max_depth": 5, "eval_metric": "auc"}
    watched = [(_matrix(f"{data}/val.csv"), "val")]
    booster = xgb.train(
        {**settings, "nthread": THREADS, "seed": 1},
        _matrix(f"{data}/train.csv"),
        ROUNDS,
        evals=watched,
        verbose_eval=False,
    )
    os.makedirs(out, exist_ok=True)
    booster.save_model(f"{out}/model.json")
    return out


def evaluate(model: str, data: str, out: str) -> str:
    """AUC and accuracy on test.csv; writes evaluation.json."""
    import xgboost as xgb
    from sklearn.metrics import accuracy_score, roc_auc_score

    booster = xgb.Booster({"nthread": THREADS})
    booster.load_model(f"{model}/model.json")
    test = _matrix(f"{data}/test.csv")
    scores, labels = booster.predict(test), test.get_label()
    metrics = {
        "auc": float(roc_auc_score(labels, scores)),
        "accuracy": float(accuracy_score(labels, scores > 0.5)),
    }
    os.makedirs(out, exist_ok=True)
    with open(f"{out}/evaluation.json", "w") as file:
        json.dump(metrics, file)
    return out


def condition(evaluation: str) -> bool:
    """Whether the model is good enough to be registered."""
    with open(f"{evaluation}/evaluation.json") as file:
        return json.load(file)["auc"] >= LEAST_AUC


def register(model: str, evaluation: str, registry: str) -> str:
    """Copy the model and its metrics to the next version's folder."""
    os.makedirs(registry, exist_ok=True)
    version = f"{registry}/v{len(os.listdir(registry)) + 1}"
    os.makedirs(version)
    shutil.copy(f"{model}/model.json", version)
    shutil.copy(f"{evaluation}/evaluation.json", version)
    return version


def everything(raw: str, out: str) -> str:
    """All five steps, in this process. Returns the registered version's folder."""
    data = preprocess(raw, f"{out}/data")
    model = train(data, f"{out}/model")
    evaluation = evaluate(model, data, f"{out}/evaluation")
    if not condition(evaluation):
        raise SystemExit(f"the model is not good enough: {evaluation}/evaluation.json")
    return register(model, evaluation, f"{out}/registry")


def evaluate_archive(archive: str, data: str, out: str) -> str:
    """`evaluate` of a model as SageMaker hands it on: model.tar.gz."""
    folder = os.path.join(os.path.dirname(archive), "unpacked")
    with tarfile.open(archive) as file:
        file.extractall(folder)
    return evaluate(folder, data, out)


COMMANDS = {"all": everything, "preprocess": preprocess, "train": train, "evaluate": evaluate_archive}

if __name__ == "__main__":
    print(COMMANDS[sys.argv[1]](*sys.argv[2:]))
