"""A small chain for each Keras layer that a `sequential` model takes: the shape of its inputs, and its arguments.

Every row of the inputs has FEATURES numbers, so that one data set goes through all chains.
"""

from __future__ import annotations

from typing import Any

FEATURES = 48
HEAD = {"Dense": {"units": 1, "activation": "sigmoid"}}

VECTOR, WAVE, FRAMES, PIXELS, VOLUME = [48], [48, 1], [12, 4], [4, 4, 3], [2, 4, 2, 3]
CLIP_1D, CLIP_2D, CLIP_3D = [3, 4, 4], [3, 4, 4, 1], [3, 2, 2, 4, 1]
SHAPES = {"1": FRAMES, "2": PIXELS, "3": VOLUME}
"""Number of dimensions in a layer's name -> what it takes."""
CONVOLUTION = {"filters": 2, "kernel_size": 2}
ANY_RANGE = {"value_range": [-5.0, 5.0]}
HALF = {"factor": 0.5}
WAVES = {"sequence_stride": 8, "fft_length": 16}

CHAINS: dict[str, tuple[list[int], dict[str, Any]]] = {
    "Activation": (VECTOR, {"activation": "tanh"}),
    "ActivityRegularization": (VECTOR, {"l2": 0.01}),
    "AlphaDropout": (VECTOR, {"rate": 0.2}),
    "AutoContrast": (PIXELS, ANY_RANGE),
    "BatchNormalization": (VECTOR, {}),
    "Bidirectional": (FRAMES, {"layer": {"LSTM": {"units": 3}}, "merge_mode": "sum"}),
    "CategoryEncoding": (VECTOR, {"num_tokens": 3, "output_mode": "multi_hot"}),
    "CenterCrop": (PIXELS, {"height": 2, "width": 3}),
    "ContrastLimitedAdaptiveHistogramEqualization": (PIXELS, {"value_range": [-5.0, 5.0], "tile_grid_size": [2, 2]}),
    "Dense": (VECTOR, {"units": 3}),
    "DepthwiseConv1D": (FRAMES, {"kernel_size": 2}),
    "DepthwiseConv2D": (PIXELS, {"kernel_size": 2}),
    "Discretization": (VECTOR, {"bin_boundaries": [-0.5, 0.5], "output_mode": "multi_hot"}),
    "Dropout": (VECTOR, {"rate": 0.2}),
    "ELU": (VECTOR, {}),
    "EinsumDense": (FRAMES, {"equation": "abc,cd->abd", "output_shape": [12, 3], "bias_axes": "d"}),
    "Embedding": (VECTOR, {"input_dim": 4, "output_dim": 2}),
    "Flatten": (FRAMES, {}),
    "GRU": (FRAMES, {"units": 3}),
    "GaussianDropout": (VECTOR, {"rate": 0.2}),
    "GaussianNoise": (VECTOR, {"stddev": 0.2}),
    "GroupNormalization": (PIXELS, {"groups": 3}),
    "Hashing": (VECTOR, {"num_bins": 5}),
    "Identity": (VECTOR, {}),
    "LSTM": (FRAMES, {"units": 3}),
    "LayerNormalization": (VECTOR, {}),
    "LeakyReLU": (VECTOR, {}),
    "Masking": (FRAMES, {}),
    "MelSpectrogram": (VECTOR, {**WAVES, "num_mel_bins": 4, "sampling_rate": 100, "min_freq": 5.0}),
    "Normalization": (VECTOR, {"mean": 0.5, "variance": 2.0}),
    "PReLU": (VECTOR, {}),
    "Permute": (FRAMES, {"dims": [2, 1]}),
    "RMSNormalization": (VECTOR, {}),
    "RNN": (FRAMES, {"cell": [{"GRUCell": {"units": 3}}, {"LSTMCell": {"units": 2}}]}),
    "RandAugment": (PIXELS, ANY_RANGE),
    "RandomBrightness": (PIXELS, {**HALF, **ANY_RANGE}),
    "RandomColorDegeneration": (PIXELS, {**HALF, **ANY_RANGE}),
    "RandomColorJitter": (PIXELS, {"brightness_factor": 0.5, **ANY_RANGE}),
    "RandomContrast": (PIXELS, {**HALF, **ANY_RANGE}),
    "RandomElasticTransform": (PIXELS, ANY_RANGE),
    "RandomErasing": (PIXELS, ANY_RANGE),
    "RandomFlip": (PIXELS, {}),
    "RandomGaussianBlur": (PIXELS, ANY_RANGE),
    "RandomGrayscale": (PIXELS, HALF),
    "RandomHue": (PIXELS, {**HALF, **ANY_RANGE}),
    "RandomInvert": (PIXELS, ANY_RANGE),
    "RandomPerspective": (PIXELS, {}),
    "RandomPosterization": (PIXELS, {"factor": 4, **ANY_RANGE}),
    "RandomRotation": (PIXELS, {"factor": 0.1}),
    "RandomSaturation": (PIXELS, {**HALF, **ANY_RANGE}),
    "RandomSharpness": (PIXELS, {**HALF, **ANY_RANGE}),
    "RandomTranslation": (PIXELS, {"height_factor": 0.2, "width_factor": 0.2}),
    "RandomZoom": (PIXELS, {"height_factor": 0.2}),
    "ReLU": (VECTOR, {}),
    "RepeatVector": (VECTOR, {"n": 2}),
    "Rescaling": (VECTOR, {"scale": 0.5}),
    "Reshape": (VECTOR, {"target_shape": [4, 12]}),
    "Residual": (
        FRAMES,
        {
            "layers": [
                {"Conv1D": {"filters": 6, "kernel_size": 3, "strides": 2, "padding": "same"}},
                "BatchNormalization",
            ],
            "shortcut": "projection",
        },
    ),
    "Resizing": (PIXELS, {"height": 3, "width": 5}),
    "STFTSpectrogram": (WAVE, {"frame_length": 16, "frame_step": 8, "fft_length": 16}),
    "SimpleRNN": (FRAMES, {"units": 3}),
    "Softmax": (VECTOR, {}),
    "Solarization": (PIXELS, ANY_RANGE),
    "SpectralNormalization": (VECTOR, {"layer": {"Dense": {"units": 3}}}),
    "TimeDistributed": (FRAMES, {"layer": {"Dense": {"units": 3}}}),
    "UnitNormalization": (VECTOR, {}),
    **{f"AdaptiveAveragePooling{n}D": (SHAPES[n], {"output_size": 2}) for n in "123"},
    **{f"AdaptiveMaxPooling{n}D": (SHAPES[n], {"output_size": 2}) for n in "123"},
    **{f"AveragePooling{n}D": (SHAPES[n], {"pool_size": 2}) for n in "123"},
    **{f"MaxPooling{n}D": (SHAPES[n], {}) for n in "123"},
    **{f"GlobalAveragePooling{n}D": (SHAPES[n], {}) for n in "123"},
    **{f"GlobalMaxPooling{n}D": (SHAPES[n], {}) for n in "123"},
    **{f"Conv{n}D": (SHAPES[n], CONVOLUTION) for n in "123"},
    **{f"Conv{n}DTranspose": (SHAPES[n], CONVOLUTION) for n in "123"},
    **{f"SeparableConv{n}D": (SHAPES[n], CONVOLUTION) for n in "12"},
    **{f"ConvLSTM{n}D": ([CLIP_1D, CLIP_2D, CLIP_3D][int(n) - 1], CONVOLUTION) for n in "123"},
    **{f"Cropping{n}D": (SHAPES[n], {"cropping": [1, 1, 0][int(n) - 1]}) for n in "123"},
    **{f"UpSampling{n}D": (SHAPES[n], {}) for n in "123"},
    **{f"ZeroPadding{n}D": (SHAPES[n], {}) for n in "123"},
    **{f"SpatialDropout{n}D": (SHAPES[n], {"rate": 0.2}) for n in "123"},
}


def chain(name: str) -> list[Any]:
    """Return the layers around one: inputs of its shape before it, and an output behind it.

    What encodes whole numbers gets them: 0 and 1, for features of either sign.
    """
    shape, arguments = CHAINS[name]
    signs = [{"Discretization": {"bin_boundaries": [0.0]}}] if name in WHOLE else []
    behind = {"LSTM": {"units": 3}} if name == "Masking" else "Flatten"  # which takes no masks
    return [*signs, {"Reshape": {"target_shape": shape}}, {name: arguments}, behind, HEAD]


WHOLE = ("CategoryEncoding", "Embedding", "Hashing")
