"""Names of keys and metrics in other tools, and the names that bnexp has for them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bnexp.errors import nearest
from bnexp.metrics import KNOWN, MEASURED, OTHER_NAMES, quantity

KEYS = {
    **dict.fromkeys(("sep", "delimiter", "delim"), "separator"),
    **dict.fromkeys(("file", "filename", "file_name", "filepath", "train_path", "training_path"), "path"),
    **dict.fromkeys(("val_path", "valid_path", "dev_path"), "validation_path"),
    **dict.fromkeys(("val_size", "valid_size", "val_split", "validation_split"), "validation_size"),
    **dict.fromkeys(("label", "labels", "label_column", "target_column", "y"), "target"),
    **dict.fromkeys(("drop_columns", "exclude", "ignore"), "drop"),
    **dict.fromkeys(("parse_dates", "date_columns"), "dates"),
    **dict.fromkeys(("categorical", "categorical_columns", "cat_features"), "categories"),
    **dict.fromkeys(("image_size", "img_size", "target_size"), "size"),
    **dict.fromkeys(("max_length", "maxlen", "max_len"), "length"),
    **dict.fromkeys(("bs", "batch", "minibatch_size"), "batch_size"),
    **dict.fromkeys(("n_epochs", "num_epochs", "max_epochs"), "epochs"),
    **dict.fromkeys(("n_seeds", "num_seeds"), "seeds"),
    **dict.fromkeys(("units", "hidden_units", "hidden_sizes", "hidden_layer_sizes"), "hidden"),
    "test_split": "test_size",
    "random_state": "seed",
    "sample_weight": "weight_column",
    "pos_label": "positive",
    "color_mode": "color",
    "n_mels": "mels",
    "lr": "learning_rate",
    "wd": "weight_decay",
    "norm": "normalization",
}
"""Name of a key in pandas, scikit-learn, Keras or PyTorch -> its name here."""


def key_meant(key: str, known: Collection[str]) -> str:
    """Return the name here of an unknown key. A key that another section knows, or that is in no list, is unchanged.

    >>> key_meant("sep", ["separator"]), key_meant("y", ["y", "target"]), key_meant("nois", ["noise"])
    ('separator', 'y', 'nois')
    """
    return key if key in known else KEYS.get(key.lower(), key)


def metric_meant(name: str, good_names: Sequence[str]) -> str | None:
    """Return the good name of the metric that was named for another part or as elsewhere; None if there is none.

    >>> metric_meant("val_f1", ["auc", "f1"])
    "Names here have no val_. Did you mean 'f1'? Good names: auc, f1."
    >>> metric_meant("roc_auc", ["pr_auc", "auc"])
    "Did you mean 'auc'? Good names: pr_auc, auc."
    >>> metric_meant("val_acc", ["auc", "f1"])
    'The accuracy of classes is always measured: leave it out. Good names: auc, f1.'
    >>> metric_meant("f2", ["auc", "f1"])
    """
    other = quantity(name)
    meant = OTHER_NAMES.get(other, other)
    good = next((one for one in good_names if quantity(one) == meant), None)
    measured = [task for task, names in MEASURED.items() if meant in ("loss", *names)]
    if good is None and measured and "auc" in good_names:
        of = "" if len(measured) == len(MEASURED) else " of a regression" if "regression" in measured else " of classes"
        return f"The {meant}{of} is always measured: leave it out. Good names: {', '.join(good_names)}."
    if good is None or meant not in KNOWN:
        return None
    has_part = name != other and good == meant
    return f"Names here have no {name.removesuffix(other)}. " * has_part + nearest(good, good_names)
