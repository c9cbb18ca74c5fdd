"""What in a network of the user's own is warned of: weights that are not used or never learn, statistics, outputs."""

from __future__ import annotations

import functools
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, losses
from own_functions import FRAMES, TABLE, built
from pydantic import TypeAdapter

from bnexp.config.dataset import Dataset
from bnexp.config.own_model import KerasFile
from bnexp.config.section import Task
from bnexp.errors import SettingError
from bnexp.models.compiled import CompiledLoss
from bnexp.models.head import LOSSES
from bnexp.models.inputs import Inputs
from bnexp.models.own_doubts import unused
from bnexp.models.own_network import build_own
from bnexp.models.own_outputs import with_fitting_output
from bnexp.system.saved_model import compiled_loss, description_of

NOT_USED = (
    "The network's present weights are not used: each seed draws its own. To start from them, set model.weights: keep."
)
FROZEN = (
    "Frozen before they learned anything: base/dense, base/batch_normalization. model.weights is draw, and they keep "
    "the values that a seed begins with. Set model.weights: keep, or let them learn."
)


def with_base(
    shape: tuple[int, ...] = (4,), *, trained: bool = True, frozen: bool = False, **called: Any
) -> keras.Model:
    """Return a network on a base, which was trained or not, is frozen or not, and is called in a way."""
    first = layers.Dense(8)
    base = keras.Sequential([keras.Input(shape), first, layers.BatchNormalization()], name="base")
    if trained:
        first.kernel.assign(np.full((4, 8), 9.0))
    base.trainable = not frozen
    inputs = keras.Input(shape)
    x = layers.Flatten()(base(inputs, **called))
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(x))


# --- weights --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "options", "warnings"),
    [
        ({"trained": True}, {}, [NOT_USED]),
        ({"trained": True, "frozen": True}, {}, [FROZEN, NOT_USED]),
        ({"trained": False, "frozen": True}, {}, [FROZEN]),
        ({"trained": False}, {"freeze": ["base"]}, [FROZEN]),
        ({"trained": False}, {}, []),
        ({"trained": True, "frozen": True}, {"weights": "keep"}, []),
    ],
)
def test_trained_weights_that_are_not_used_and_layers_that_never_learn_are_warned_of(
    made: dict[str, bool], options: dict[str, Any], warnings: list[str]
) -> None:
    assert list(built(lambda: with_base(**made), inputs=TABLE, **options).warnings) == warnings


def test_a_frozen_layer_without_trained_weights_is_warned_of_where_others_are_kept() -> None:
    def function() -> keras.Model:
        model = with_base()
        model.get_layer("head").trainable = False
        return model

    (warning,) = built(function, inputs=TABLE, weights="keep").warnings
    assert warning == (
        "Frozen before they learned anything: head. model.weights is keep, and they keep the values that a seed begins "
        "with. Load weights for them, or let them learn."
    )


# --- statistics -----------------------------------------------------------------------


def test_a_nested_model_that_is_called_in_inference_mode_is_warned_of() -> None:
    (warning,) = built(lambda: with_base(trained=False, training=False), inputs=TABLE).warnings
    assert warning.startswith(
        "Called with training=False: base. While training, Keras 3.15 normalizes there with the batch"
    )
    model = with_base(trained=False, training=False)
    model(np.ones((2, 4)), training=True)
    assert model.get_layer("base").layers[1].moving_variance.numpy()[0] < 1  # as the warning says


def test_a_nested_model_without_normalization_may_be_called_in_inference_mode() -> None:
    def function() -> keras.Model:
        inner = keras.Sequential([keras.Input((4,)), layers.Dense(8)])
        inputs = keras.Input((4,))
        x = layers.BatchNormalization()(inner(inputs, training=False))
        return keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))

    assert built(function, inputs=TABLE).warnings == ()


def test_frozen_statistics_of_a_network_without_batch_normalization_are_refused() -> None:
    def function() -> keras.Model:
        shape, norms = (4,), [layers.LayerNormalization(), layers.GroupNormalization(2)]
        return keras.Sequential([keras.Input(shape), *norms, layers.Flatten(), layers.Dense(3, "softmax")])

    with pytest.raises(SettingError) as error:
        built(function, "frozen", TABLE, weights="keep")
    assert str(error.value) == (
        "model.normalization is frozen; the network has LayerNormalization, GroupNormalization(groups=2), and no "
        "BatchNormalization whose statistics could stay. Use another arm, or name layers in model.freeze."
    )


# --- what is frozen -------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["dense", "dens*", "*/dense"])
def test_a_pattern_freezes_layers_at_every_depth(pattern: str) -> None:
    assert (
        "Frozen: base/dense (40 parameters)." in built(with_base, inputs=TABLE, weights="keep", freeze=[pattern]).notes
    )
    sequences = built(lambda: with_base((3, 4)), inputs=FRAMES, weights="keep", freeze=[pattern])
    assert "Frozen: base/dense (40 parameters)." in sequences.notes, "though padding is replaced by zeros first"


def numbered_by_hand() -> keras.Model:
    """Return a network whose layers have names of their own that look like Keras's, from 1 on."""
    inputs = hidden = keras.Input((4,))
    for number, width in ((1, 6), (2, 5)):
        hidden = keras.layers.Dense(width, name=f"dense_{number}")(hidden)
    hidden = keras.layers.BatchNormalization()(hidden)
    return keras.Model(inputs, keras.layers.Dense(3, "softmax", name="dense_3")(hidden))


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("dense_1", "dense_1 (30 parameters)"),
        ("dense_3", "dense_3 (18 parameters)"),
        ("dense_*", "dense_1 (30 parameters), dense_2 (35 parameters), dense_3 (18 parameters)"),
    ],
)
@pytest.mark.parametrize("way", ["function", "file"])
def test_a_layer_is_frozen_by_the_name_that_summary_shows(way: str, pattern: str, said: str, tmp_path: Path) -> None:
    """Names of a person's own can look like Keras's. Counted anew, `dense_1` would be the second of these layers."""
    keys: dict[str, Any] = {"weights": "keep", "freeze": [pattern]}
    if way == "file":
        with pytest.warns(DeprecationWarning, match="__array__ implementation"):
            numbered_by_hand().save(tmp_path / "net.keras")
        section = {"name": "keras_file", "path": str(tmp_path / "net.keras"), "normalization": "none", **keys}
        one = build_own(TypeAdapter(KerasFile).validate_python(section), TABLE, task="multiclass", classes=3)
    else:
        one = built(numbered_by_hand, "none", inputs=TABLE, **keys)
    nothing_learns = " No weight is left that learns, so training changes nothing." if pattern == "dense_*" else ""
    assert f"Frozen: {said}.{nothing_learns}" in one.notes, one.notes
    frozen = {layer.name for layer in one.model._flatten_layers() if layer.weights and not layer.trainable}
    assert frozen == {name.split(" ")[0] for name in said.split(", ")}


def unnamed() -> keras.Model:
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(2)(keras.layers.BatchNormalization()(inputs))
    return keras.Model(inputs, keras.layers.Dense(3)(hidden))


@pytest.mark.parametrize("kind", ["functional", "sequential"])
def test_a_layer_that_was_made_before_may_have_the_name_that_a_new_one_gets(kind: str) -> None:
    made = keras.layers.Dense(2, name="dense")

    def with_it() -> keras.Model:
        inputs, norm = keras.Input((4,)), keras.layers.BatchNormalization()
        head = keras.layers.Dense(3, "softmax")
        copy = keras.layers.Dense.from_config(made.get_config())
        if kind == "sequential":
            return keras.Sequential([inputs, copy, norm, head])
        return keras.Model(inputs, head(norm(copy(inputs))))

    assert built(with_it, inputs=TABLE).model.output_shape == (None, 3)


def test_unnamed_layers_are_called_as_in_a_new_session_whatever_was_built_before() -> None:
    before = keras.backend.get_uid("dense")
    for _ in range(2):
        notes = built(unnamed, inputs=TABLE, weights="keep", freeze=["dense_1"]).notes
        assert "Frozen: dense_1 (9 parameters)." in notes
    assert keras.backend.get_uid("dense") > before, "no number is given twice in the session"


# --- outputs --------------------------------------------------------------------------


def ends(*last: keras.Layer) -> keras.Model:
    return keras.Sequential([keras.Input((4,)), *last])


@pytest.mark.parametrize("behind", [layers.Flatten, layers.Identity, lambda: layers.Dropout(0.1)])
def test_logits_are_seen_through_layers_that_leave_numbers_as_they_are(behind: Any) -> None:
    model, notes = with_fitting_output(ends(layers.Dense(1, kernel_initializer="zeros"), behind()), "binary", 2)
    assert notes == ["The network's outputs are logits; sigmoid is added behind them."]
    assert model.layers[-1].name == "probabilities"
    assert with_fitting_output(ends(layers.Dense(1, activation="sigmoid"), behind()), "binary", 2)[1] == []


class Behind(layers.Layer):
    """Applies what nothing is known of."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def call(self, x: Any) -> Any:
        return self.function(x)


@pytest.mark.parametrize(("task", "units"), [("binary", 1), ("multiclass", 3)])
def test_logits_of_an_unknown_layer_are_refused_even_if_they_begin_as_probabilities(task: Any, units: int) -> None:
    def net(function: Any) -> keras.Model:
        return ends(layers.Dense(units, kernel_initializer="zeros", bias_initializer="ones"), Behind(function))

    probabilities = keras.ops.sigmoid if task == "binary" else keras.ops.softmax
    assert with_fitting_output(net(probabilities), task, max(units, 2))[1] == []
    with pytest.raises(SettingError, match=rf"ends in outputs of shape \(None, {units}\); a {task} task needs"):
        with_fitting_output(net(lambda x: x / units), task, max(units, 2))


def test_a_softmax_over_another_axis_is_no_softmax_of_the_classes() -> None:
    model = ends(layers.Reshape((2, 2)), layers.Dense(2, activation="softmax"), layers.Flatten())
    with pytest.raises(SettingError, match=r"ends in outputs of shape \(None, 4\); a multiclass task needs"):
        with_fitting_output(model, "multiclass", 4)


@pytest.mark.parametrize(
    ("last", "shape"),
    [
        ([layers.Dense(3, "softmax")], "(None, 2, 2, 3)"),
        ([layers.Conv2D(3, 1, activation="softmax")], "(None, 2, 2, 3)"),
        ([layers.Reshape((2, 2)), layers.Conv1D(5, 1, activation="softmax")], "(None, 2, 5)"),
    ],
)
def test_outputs_with_positions_are_answered_with_flatten(last: list[keras.Layer], shape: str) -> None:
    with pytest.raises(SettingError) as error:
        with_fitting_output(ends(layers.Reshape((2, 2, 1)), *last), "multiclass", 3)
    assert str(error.value) == (
        f"model ends in outputs of shape {shape} with softmax activation; a multiclass task needs (None, 3) with "
        "softmax. Its outputs have positions: put Flatten() or a pooling layer before a last "
        'Dense(3, activation="softmax").'
    )


def test_an_attribute_of_a_layer_of_ones_own_is_no_activation_of_its_outputs() -> None:
    last = Behind(keras.ops.softmax)
    last.activation = keras.activations.linear
    assert with_fitting_output(ends(layers.Dense(3), last), "multiclass", 3)[1] == []
    other = Behind(lambda x: 2 * x)
    other.activation = keras.activations.softmax
    with pytest.raises(SettingError, match=r"ends in outputs of shape \(None, 3\); a multiclass task needs"):
        with_fitting_output(ends(layers.Dense(3), other), "multiclass", 3)


def test_a_layer_of_ones_own_that_computes_as_keras_does_has_its_activation() -> None:
    class Named(layers.Dense):
        pass

    assert with_fitting_output(ends(Named(3)), "multiclass", 3)[1] == [
        "The network's outputs are logits; softmax is added behind them."
    ]


def test_a_network_is_asked_for_one_output_where_a_number_is_learned() -> None:
    def net(classes: int, activation: str | None = None) -> keras.Model:
        return ends(layers.BatchNormalization(), layers.Dense(classes, activation=activation))

    one = built(net, inputs=TABLE, task="regression", classes=0)
    assert one.model.output_shape == (None, 1)
    with pytest.raises(SettingError) as error:
        built(net, inputs=TABLE, task="regression", classes=0, arguments={"activation": "softmax"})
    assert str(error.value) == (
        "model ends in outputs of shape (None, 1) with softmax activation; a regression task needs (None, 1) with "
        'linear. End the network with Dense(1, activation="linear"). If the target is a class, not a number, set '
        "dataset.task: classification, a key of csv, parquet, npz and openml."
    )


def test_one_linear_unit_for_many_classes_may_be_a_regression_where_the_data_set_has_the_key() -> None:
    with pytest.raises(SettingError) as error:
        with_fitting_output(ends(layers.Dense(1)), "multiclass", 20)
    schema = TypeAdapter(Dataset).json_schema()
    kinds = {name: schema["$defs"][kind.split("/")[-1]] for name, kind in schema["discriminator"]["mapping"].items()}
    assert {name for name, kind in kinds.items() if "task" in kind["properties"]} == {"csv", "parquet", "npz", "openml"}
    assert str(error.value).endswith(
        'End the network with Dense(20, activation="softmax"). If the target is a number, not a class, set '
        "dataset.task: regression, a key of csv, parquet, npz and openml."
    )


@pytest.mark.parametrize(
    ("last", "seen"),
    [
        (lambda: layers.ReLU(name="last"), "ReLU"),
        (lambda: layers.LeakyReLU(name="last"), "LeakyReLU"),
        (lambda: layers.Softmax(name="last"), None),
    ],
)
def test_an_activation_that_is_a_layer_counts_by_what_it_is(last: Any, seen: str | None) -> None:
    model = ends(layers.Dense(3), last())
    if seen is None:
        assert with_fitting_output(model, "multiclass", 3) == (model, [])
        return
    with pytest.raises(SettingError) as error:
        with_fitting_output(model, "multiclass", 3)
    assert str(error.value) == (
        f"model ends in outputs of shape (None, 3) with {seen} activation; a multiclass task needs (None, 3) with softmax. "
        'End the network with Dense(3, activation="softmax").'
    )


def test_the_outputs_of_a_layer_of_ones_own_may_be_any_numbers_of_a_regression() -> None:
    class Own(keras.layers.Dense):
        def call(self, inputs: Any, training: bool | None = None) -> Any:
            return super().call(inputs) + 7

    assert with_fitting_output(ends(Own(1)), "regression", 0)[1] == []


# --- inputs ---------------------------------------------------------------------------


class Multiplies(keras.Model):
    """A model class of the user's own that takes four numbers alone."""

    def __init__(self, normalization: Any) -> None:
        super().__init__()
        self.norm, self.last = normalization(name="norm_1"), layers.Dense(3, "softmax")

    def call(self, x: Any) -> Any:
        return self.last(self.norm(keras.ops.matmul(x, np.ones((4, 4), "float32"))))


@pytest.mark.filterwarnings("ignore:.*multiplies.* unbuilt state:UserWarning")
def test_a_model_class_that_does_not_take_the_inputs_of_the_data_is_shown_with_its_line() -> None:
    with pytest.raises(SettingError) as error:
        built(lambda normalization: Multiplies(normalization), "batch", Inputs("table", (5,)))
    assert str(error.value).startswith("model does not take inputs of shape (5,); your own code fails:\n  File ")
    assert "return self.last(self.norm(keras.ops.matmul(" in str(error.value)
    assert "Dimensions must be equal, but are 5 and 4" in str(error.value)


def test_layers_that_do_not_take_the_inputs_of_the_data_are_told_with_kerass_reason() -> None:
    def net() -> keras.Model:
        return keras.Sequential([layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(3, "softmax")])

    with pytest.raises(
        SettingError, match=r"^model does not take inputs of shape \(5,\): .*\. Change its first layers\.$"
    ):
        built(net, "as_written", Inputs("table", (5,)))


def test_a_reshape_is_offered_where_a_row_holds_as_many_numbers_in_another_shape() -> None:
    def net(units: int = 64) -> keras.Model:
        return keras.Sequential([keras.Input((units,)), layers.BatchNormalization(), layers.Dense(3, "softmax")])

    image = Inputs("image", (8, 8, 1))
    for units, cure in ((64, ", or put a Reshape after the Input."), (63, ", which bnexp fills in.")):
        with pytest.raises(SettingError) as error:
            built(net, inputs=image, arguments={"units": units})
        assert str(error.value).startswith(f"model takes inputs of shape ({units},); the data are images of 8 x 8 x 1,")
        assert str(error.value).endswith(cure)


def test_an_input_in_a_list_is_taken_as_the_input_alone() -> None:
    def net() -> keras.Model:
        x = keras.Input((4,))
        return keras.Model([x], [layers.Dense(3, "softmax")(layers.BatchNormalization()(x))])

    model = built(net, inputs=TABLE).model
    assert model.input.shape == (None, 4) and model.output_shape == (None, 3)


def test_a_name_of_no_layer_freezes_none_and_the_nearest_is_told() -> None:
    with pytest.raises(SettingError) as error:
        built(lambda: ends(layers.Dense(3, "softmax", name="head")), inputs=TABLE, freeze=["haed"])
    assert str(error.value).startswith("model.freeze names 'haed'; no layer is called so. Did you mean 'head'?")


class OwnLoss:
    """An object that is called as a loss, and is no loss of Keras."""

    def __call__(self, target: Any, predicted: Any) -> Any:
        return target - predicted


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        (keras.losses.Huber(), "huber_loss"), ("mae", "mean_absolute_error"), ("own_loss", "own_loss"),
        (keras.losses.mean_squared_error, None), ("mse", None), (None, None), (["mae", "mae"], None),
        (["mse"], None), (["mae"], "mean_absolute_error"), ({"out": "mae"}, "mean_absolute_error"),
        (functools.partial(keras.losses.huber, delta=2.0), "huber"), (OwnLoss(), "OwnLoss"),
    ],
)  # fmt: skip
def test_a_loss_that_the_task_does_not_need_is_named_as_keras_calls_it(loss: Any, name: str | None) -> None:
    told = [
        f"The network was compiled with the loss {name}; bnexp trains with mean_squared_error, as a regression task needs."
    ]
    assert unused(ends(layers.Dense(1)), "regression", loss) == (told if name else [])


class WithoutName(keras.losses.Loss):
    """A loss of the user's own whose description lacks its name."""

    def call(self, target: Any, predicted: Any) -> Any:
        return keras.ops.abs(target - predicted)

    def get_config(self) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize(
    ("loss", "named"),
    [
        (lambda target, predicted: keras.ops.abs(target - predicted), "a lambda as loss"),
        (WithoutName(), "the loss WithoutName"), (["mae"], "the loss mean_absolute_error"),
        ({"out": keras.losses.Huber()}, "the loss huber_loss"), (["mse"], None),
    ],
)  # fmt: skip
def test_a_loss_that_the_task_does_not_need_is_named_for_a_saved_network(
    loss: Any, named: str | None, tmp_path: Path
) -> None:
    model = ends(layers.Dense(1, name="out"))
    model.compile("adam", loss)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The object being serialized includes a `lambda`")
        model.save(tmp_path / "net.keras")
    of_file = compiled_loss(description_of(str(tmp_path / "net.keras")))
    assert of_file is not None
    told = unused(model, "regression", CompiledLoss(*of_file))
    needs = "bnexp trains with mean_squared_error, as a regression task needs."
    assert told == ([] if named is None else [f"The network was compiled with {named}; {needs}"])
    if not isinstance(loss, WithoutName):
        assert unused(model, "regression", loss) == told


@pytest.mark.parametrize(
    ("loss", "task", "options"),
    [
        (losses.CategoricalCrossentropy(from_logits=True), "multiclass", None),
        (losses.CategoricalCrossentropy(label_smoothing=0.1), "multiclass", "label_smoothing=0.1"),
        (losses.SparseCategoricalCrossentropy(ignore_class=0, reduction="sum"), "multiclass", "ignore_class=0, reduction=sum"),
        (losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.2), "binary", "label_smoothing=0.2"),
        (losses.BinaryCrossentropy(reduction="mean"), "binary", None),
        (losses.MeanSquaredError(reduction="mean_with_sample_weight"), "regression", None),
        (losses.MeanSquaredError(reduction=None), "regression", "reduction=None"),
    ],
)  # fmt: skip
def test_the_options_of_a_loss_that_training_does_not_use_are_named(
    loss: Any, task: Task, options: str | None, tmp_path: Path
) -> None:
    told = [
        f"The network was compiled with {options} of the loss {loss.name}; bnexp trains with {LOSSES[task]} and Keras's "
        "default options."
    ]
    model = ends(layers.Dense(3))
    assert unused(model, task, loss) == (told if options else [])
    model.compile("adam", loss)
    model.save(tmp_path / "net.keras")
    of_file = compiled_loss(description_of(str(tmp_path / "net.keras")))
    assert of_file is not None
    assert unused(model, task, CompiledLoss(*of_file)) == (told if options else [])


@pytest.mark.parametrize("value", [[1], {"a": 1}, "__import__('os')", False])
def test_odd_options_of_a_loss_in_a_file_are_not_named(value: Any) -> None:
    options = {"label_smoothing": value or None, "reduction": str(value)}
    assert unused(ends(layers.Dense(1)), "regression", CompiledLoss("mse", options)) == []


# --- groups ---------------------------------------------------------------------------


def ends_in_groups(*channels: int) -> keras.Model:
    """Return a chain of convolutions with these channels, each before a normalization."""
    chain = [layer for width in channels for layer in (layers.Conv2D(width, 1), layers.BatchNormalization())]
    return keras.Sequential([keras.Input((6, 6, 2)), *chain, layers.Flatten(), layers.Dense(3, "softmax")])


def groups_told(channels: tuple[int, ...], arm: Any) -> list[str]:
    warnings = built(lambda: ends_in_groups(*channels), arm, Inputs("image", (6, 6, 2))).warnings
    return [one for one in warnings if one.startswith("Group normalization has one channel in each group (")]


@pytest.mark.parametrize(
    ("channels", "fewer"),
    [((4,), 2), ((6,), 3), ((32,), 16), ((4, 6), 2), ((16, 40), 8), ((2,), None), ((3,), None), ((4, 5), None)],
)
def test_groups_of_one_channel_are_warned_of_until_the_cure_is_taken(
    channels: tuple[int, ...], fewer: int | None
) -> None:
    (told,) = groups_told(channels, "group")
    assert f"(batch_normalization: {channels[0]} groups" in told
    if fewer is None:
        names = ("batch_normalization", "batch_normalization_1")
        each = ", ".join(f"{name}: {width}" for name, width in zip(names, channels, strict=False))
        cure = f"Use the arm layer instead: no smaller number above 1 divides the channels of all layers ({each})."
        heeded: Any = "layer"
    else:
        cure, heeded = f"Set model.normalization.groups={fewer}.", {"name": "group", "groups": fewer}
    assert told.endswith(f"). That is instance normalization, which can cost accuracy. {cure}")
    assert groups_told(channels, heeded) == []
    assert groups_told(channels, "instance") == []


@pytest.mark.parametrize(
    ("width", "cure"), [(8, "Use the arm layer instead"), (32, "Set model.normalization.groups=4.")]
)
def test_the_groups_that_are_named_leave_every_layer_enough_numbers(width: int, cure: str) -> None:
    """A dense layer has one position: 8 units in 4 groups are 2 numbers each, whose outputs are all but constant."""

    def net() -> keras.Model:
        dense = [layers.Dense(width), layers.BatchNormalization(), layers.Dense(3, "softmax")]
        image = [keras.Input((6, 6, 2)), layers.Conv2D(12, 1), layers.BatchNormalization(), layers.Flatten()]
        return keras.Sequential([*image, *dense])

    (told,) = (one for one in built(net, "group", Inputs("image", (6, 6, 2))).warnings if "one channel" in one)
    assert f"cost accuracy. {cure}" in told


class OwnGroups(layers.GroupNormalization):
    """A group normalization of the user's own, which sets no input_spec."""

    def build(self, input_shape: Any) -> None:
        self.gamma = self.beta = None

    def call(self, inputs: Any) -> Any:
        return inputs


@pytest.mark.parametrize("is_called", [True, False])
def test_groups_are_warned_of_in_layers_of_the_arm_alone(is_called: bool) -> None:
    class Net(keras.Model):
        def __init__(self, normalization: Any) -> None:
            super().__init__()
            self.norm, self.own, self.last = normalization(), OwnGroups(4), layers.Dense(3, "softmax")
            self.reshape, self.flat = layers.Reshape((2, 2)), layers.Flatten()

        def build(self, input_shape: Any) -> None:
            """Leave it to the first call, which Keras then does not warn of."""

        def call(self, x: Any) -> Any:
            x = self.own(x)
            return self.last(self.flat(self.norm(self.reshape(x)) if is_called else x))

    def net(normalization: Any) -> keras.Model:
        return Net(normalization)

    told = [one for one in built(net, {"name": "group", "groups": 2}, TABLE).warnings if one.startswith("Group norm")]
    assert [one.partition(". ")[0] for one in told] == [
        "Group normalization has one channel in each group (net/group_normalization: 2 groups)"
    ] * is_called


@pytest.mark.parametrize("arm", ["layer", "none"])
def test_an_arm_without_batch_normalization_is_not_warned_of_its_statistics(arm: str) -> None:
    def shared() -> keras.Model:
        inputs, norm = keras.Input((4,)), layers.BatchNormalization()
        x = norm(layers.Dense(4)(norm(inputs)))
        return keras.Model(inputs, layers.Dense(3, activation="softmax")(x))

    assert built(shared, arm, TABLE).warnings == ()
    assert [text.partition(":")[0] for text in built(shared, inputs=TABLE).warnings] == [
        "Normalization layers that several places of the network share"
    ]
