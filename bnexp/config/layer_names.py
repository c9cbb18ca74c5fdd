"""Names of Keras 3.15: layers for a chain, layers that are refused and why, and parts that layers are made with."""

from __future__ import annotations

from typing import Literal, get_args

LayerName = Literal[
    "Activation", "ActivityRegularization", "AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D", "AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D", "AlphaDropout",
    "AutoContrast", "AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "BatchNormalization", "Bidirectional",
    "CategoryEncoding", "CenterCrop", "ContrastLimitedAdaptiveHistogramEqualization", "Conv1D", "Conv1DTranspose",
    "Conv2D", "Conv2DTranspose", "Conv3D", "Conv3DTranspose", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Cropping1D",
    "Cropping2D", "Cropping3D", "Dense", "DepthwiseConv1D", "DepthwiseConv2D", "Discretization", "Dropout", "ELU",
    "EinsumDense", "Embedding", "Flatten", "GRU", "GaussianDropout", "GaussianNoise", "GlobalAveragePooling1D",
    "GlobalAveragePooling2D", "GlobalAveragePooling3D", "GlobalMaxPooling1D", "GlobalMaxPooling2D",
    "GlobalMaxPooling3D", "GroupNormalization", "Hashing", "Identity", "LSTM", "LayerNormalization", "LeakyReLU",
    "Masking", "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "MelSpectrogram", "Normalization", "PReLU", "Permute",
    "RMSNormalization", "RNN", "RandAugment", "RandomBrightness", "RandomColorDegeneration", "RandomColorJitter",
    "RandomContrast", "RandomElasticTransform", "RandomErasing", "RandomFlip", "RandomGaussianBlur",
    "RandomGrayscale", "RandomHue", "RandomInvert", "RandomPerspective", "RandomPosterization", "RandomRotation",
    "RandomSaturation", "RandomSharpness", "RandomTranslation", "RandomZoom", "ReLU", "RepeatVector",
    "Rescaling", "Reshape", "Residual", "Resizing", "STFTSpectrogram", "SeparableConv1D", "SeparableConv2D",
    "SimpleRNN", "Softmax", "Solarization", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D",
    "SpectralNormalization", "TimeDistributed", "UnitNormalization", "UpSampling1D", "UpSampling2D", "UpSampling3D",
    "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D",
]  # fmt: skip
"""Layers with one input and one output that only need their arguments. `Residual` is bnexp's own."""

ALIASES = {
    **{f"AvgPool{n}D": f"AveragePooling{n}D" for n in "123"},
    **{f"MaxPool{n}D": f"MaxPooling{n}D" for n in "123"},
    **{f"GlobalAvgPool{n}D": f"GlobalAveragePooling{n}D" for n in "123"},
    **{f"GlobalMaxPool{n}D": f"GlobalMaxPooling{n}D" for n in "123"},
    **{f"Convolution{n}D": f"Conv{n}D" for n in "123"},
    **{f"Convolution{n}DTranspose": f"Conv{n}DTranspose" for n in "123"},
    **{f"SeparableConvolution{n}D": f"SeparableConv{n}D" for n in "12"},
}
"""Alternative name of a Keras layer -> its main name."""

_PYTHON = "Use model: {name: python, build: FILE:FUNCTION}"
_SHORTCUT = "it joins several inputs, and a layer in a chain has one. Use Residual: [layers], which adds a shortcut"
_ATTENTION = (
    f"it needs a query and a value, and a layer in a chain has one input. Use model.name: transformer. {_PYTHON}"
)
_CELL = "it is one step of a recurrent layer. Use RNN: {{cell: {{{}: ...}}}}"
_CODE = f"it holds code, and a config cannot hold code. {_PYTHON}"
_LOOKUP = "it needs a vocabulary, and reads text. Use dataset.name: text_csv, which numbers the words, and an Embedding"
_CODES = (
    "its vocabulary is a table that no seed trains. Number the codes from 0 in the file, and use Embedding or "
    f"CategoryEncoding. {_PYTHON}"
)
_LABELS = "it mixes the labels of rows, too, which a layer in a chain does not see. Use RandomErasing or RandomFlip"
REFUSED = {
    **dict.fromkeys(["Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"], _SHORTCUT),
    **dict.fromkeys(["AdditiveAttention", "Attention", "GroupQueryAttention", "MultiHeadAttention"], _ATTENTION),
    **{name: _CELL.format(name) for name in ("GRUCell", "LSTMCell", "SimpleRNNCell")},
    "StackedRNNCells": "it is one step of a recurrent layer. Use RNN: {cell: [cells]}",
    **dict.fromkeys(["FlaxLayer", "JaxLayer", "Lambda", "TFSMLayer", "TorchModuleWrapper"], _CODE),
    **dict.fromkeys(["StringLookup", "TextVectorization"], _LOOKUP),
    **dict.fromkeys(["CutMix", "MixUp"], _LABELS),
    "AugMix": "it uses Python's own random generator while it is traced, so no seed can repeat it. Use RandAugment",
    "Equalization": "Keras 3.15 cannot place it in a network. Use AutoContrast",
    "HashedCrossing": "it crosses two inputs, and a layer in a chain has one. Use Hashing",
    "IntegerLookup": _CODES,
    "InputLayer": "the inputs follow from the dataset. Leave it out",
    "Layer": "it computes nothing. Use Identity",
    "MaxNumBoundingBoxes": f"it needs bounding boxes, which no dataset has. {_PYTHON}",
    "Pipeline": "it is a chain of layers. Write its layers one after the other",
    "RandomCrop": "in Keras 3.15 it does not crop at inference, so that shapes differ. Use CenterCrop or "
    "RandomTranslation",
    "RandomShear": "Keras 3.15 cannot load a saved model that has it. Use RandomRotation or RandomPerspective",
    "ReversibleEmbedding": "it is an Embedding with a reverse call, which a chain cannot use. Use Embedding",
    "Wrapper": "it computes nothing of its own. Write the layer that it wraps",
}  # fmt: skip
"""Keras layer that cannot be in a chain -> the reason, and what to use instead."""

CellName = Literal["GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"]
RegularizerName = Literal["L1", "L2", "L1L2", "OrthogonalRegularizer", "l1", "l2", "l1l2", "orthogonal_regularizer"]
ConstraintName = Literal[
    "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "max_norm", "min_max_norm", "non_neg", "unit_norm",
]  # fmt: skip
InitializerName = Literal[
    "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity", "IdentityInitializer",
    "LecunNormal", "LecunUniform", "Ones", "Orthogonal", "OrthogonalInitializer", "RandomNormal", "RandomUniform",
    "STFT", "STFTInitializer", "TruncatedNormal", "VarianceScaling", "Zeros",
    "constant", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "identity", "lecun_normal",
    "lecun_uniform", "normal", "one", "ones", "orthogonal", "random_normal", "random_uniform", "stft",
    "truncated_normal", "uniform", "variance_scaling", "zero", "zeros",
]  # fmt: skip

_DIMENSIONS = "123"
MAIN_ARGUMENTS = {
    "activation": ["Activation"],
    "alpha": ["ELU"],
    "bin_boundaries": ["Discretization"],
    "cell": ["RNN"],
    "cells": ["StackedRNNCells"],
    "cropping": [f"Cropping{n}D" for n in _DIMENSIONS],
    "dims": ["Permute"],
    "factor": [f"Random{kind}" for kind in ("Brightness", "Contrast", "Grayscale", "Hue", "Rotation", "Saturation")],
    "groups": ["GroupNormalization"],
    "kernel_size: 3, filters": [f"{kind}{n}D" for kind in ("Conv", "ConvLSTM") for n in _DIMENSIONS]
    + [f"Conv{n}DTranspose" for n in _DIMENSIONS] + ["SeparableConv1D", "SeparableConv2D"],
    "kernel_size": ["DepthwiseConv1D", "DepthwiseConv2D"],
    "l1": ["L1", "l1"],
    "l2": ["L2", "l2"],
    "layer": ["Bidirectional", "SpectralNormalization", "TimeDistributed"],
    "max_value": ["MaxNorm", "ReLU", "max_norm"],
    "mode": ["RandomFlip"],
    "n": ["RepeatVector"],
    "negative_slope": ["LeakyReLU"],
    "num_bins": ["Hashing"],
    "num_tokens": ["CategoryEncoding"],
    "output_dim: 8, input_dim": ["Embedding"],
    "output_size": [name for name in get_args(LayerName) if name.startswith("Adaptive")],
    "padding": [f"ZeroPadding{n}D" for n in _DIMENSIONS],
    "pool_size": [f"{kind}Pooling{n}D" for kind in ("Average", "Max") for n in _DIMENSIONS],
    "rate": ["AlphaDropout", "Dropout", "GaussianDropout", *(f"SpatialDropout{n}D" for n in _DIMENSIONS)],
    "scale": ["Rescaling"],
    "size": [f"UpSampling{n}D" for n in _DIMENSIONS],
    "stddev": ["GaussianNoise", "RandomNormal", "TruncatedNormal", "normal", "random_normal", "truncated_normal"],
    "target_shape": ["Reshape"],
    "units": ["Dense", "GRU", "GRUCell", "LSTM", "LSTMCell", "SimpleRNN", "SimpleRNNCell"],
    "value": ["Constant", "constant"],
}  # fmt: skip
"""Argument -> the classes that are often given its value without its name, as in `Dropout: 0.5`."""
MAIN_ARGUMENT = {name: argument for argument, names in MAIN_ARGUMENTS.items() for name in names}
TAKES_LISTS = frozenset({
    "bin_boundaries", "cell", "cells", "cropping", "dims", "kernel_size", "output_size", "padding", "pool_size", "size",
    "target_shape",
})  # fmt: skip
"""Main arguments whose value may be a list."""
