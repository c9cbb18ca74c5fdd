"""Quantiles of Student's t. The usual level has a table, because loading SciPy takes longer than a comparison."""

from __future__ import annotations

import functools
import math
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

TABLE_LEVEL = 0.95
NEARLY_NORMAL = 100_000
"""Above this number of degrees of freedom the first term of the expansion around the normal quantile is enough."""
NODES, NEWTON_STEPS = 64, 8
"""Nodes and Newton's steps for degrees of freedom that the table lacks. The result agrees with SciPy to 9 digits."""
TABLE = (
    12.706204736174694, 4.302652729749462, 3.1824463052837078, 2.7764451051977934, 2.5705818356363146,
    2.4469118511449786, 2.364624251592784, 2.306004135204166, 2.262157162798205, 2.228138851986274, 2.200985160091639,
    2.1788128296672284, 2.1603686564627913, 2.144786687917804, 2.131449545559776, 2.1199052992212546,
    2.1098155778333156, 2.1009220402410382, 2.0930240544083087, 2.085963447265864, 2.0796138447276795,
    2.0738730679040254, 2.0686576104190486, 2.0638985616280245, 2.0595385527532972, 2.0555294386428735,
    2.0518305164802846, 2.0484071417952454, 2.045229642132703, 2.0422724563012378, 2.039513446396408,
    2.0369333434601016, 2.0345152974493383, 2.0322445093177186, 2.030107928250343, 2.0280940009804502,
    2.0261924630291093, 2.0243941639119694, 2.022690920036761, 2.021075390306273, 2.019540970441376, 2.0180817028184443,
    2.016692199227824, 2.0153675744437636, 2.014103388880846, 2.012895598919429, 2.0117405137297655, 2.010634757624232,
    2.0095752371292392, 2.008559112100761, 2.007583770315836, 2.006646805061688, 2.0057459953178687, 2.0048792881880564,
    2.0040447832891455, 2.003240718847872, 2.002465459291007, 2.0017174841452356, 2.000995378088267, 2.0002978220142604,
    1.999623584994939, 1.9989715170333788, 1.998340542520741, 1.997729654317693, 1.9971379083920038, 1.9965644189523117,
    1.996008354025296, 1.9954689314298435, 1.9949454151072374, 1.994437111771186, 1.9939433678456255,
    1.9934635666618719, 1.992997125889855, 1.992543495180932, 1.9921021540022417, 1.9916726096446642,
    1.9912543953883846, 1.9908470688116906, 1.9904502102301285, 1.990063421254446, 1.9896863234569029,
    1.989318557136572, 1.9889597801751624, 1.9886096669757083, 1.9882679074772216, 1.98793420623902, 1.9876082815890708,
    1.9872898648311692, 1.986978699506281, 1.9866745407037683, 1.9863771544186177, 1.98608631695113, 1.9858018143458227,
    1.985523441866604, 1.9852510035054978, 1.984984311522457, 1.9847231860139845, 1.9844674545084815,
    1.9842169515864174, 1.9839715185235518, 1.983731002955606, 1.9834952585628793, 1.9832641447734565,
    1.9830375264837259, 1.9828152737950475, 1.9825972617655006, 1.9823833701756908, 1.982173483307727,
    1.9819674897364825, 1.981765282132372, 1.9815667570749007, 1.9813718148763053, 1.981180359414661,
    1.9809922979758567, 1.9808075411039094, 1.9806260024590894, 1.9804475986834025, 1.980272249272974,
    1.9800998764569397, 1.9799304050824402,
)  # fmt: skip
"""Quantiles of the two-sided interval of TABLE_LEVEL for 1, 2, ... degrees of freedom, exactly as SciPy 1.17.1's."""


def t_quantile(level: float, degrees: float) -> float:
    """Return the quantile of Student's t that a two-sided interval of this level needs.

    >>> round(t_quantile(0.95, 19), 3)
    2.093
    """
    if level == TABLE_LEVEL and degrees in range(1, len(TABLE) + 1):
        return TABLE[int(degrees) - 1]
    if level == TABLE_LEVEL and degrees > 1:
        return _of_any_degrees(degrees)
    from scipy import special

    return float(special.stdtrit(degrees, (1 + level) / 2))


@functools.lru_cache(1024)
def _of_any_degrees(degrees: float) -> float:
    """Return the quantile of TABLE_LEVEL for any degrees of freedom above 1, by Newton's method from table values.

    >>> round(_of_any_degrees(2.5), 6), round(_of_any_degrees(1e9), 6)
    (3.574655, 1.959964)
    """
    if degrees > NEARLY_NORMAL:
        normal = NormalDist().inv_cdf((1 + TABLE_LEVEL) / 2)
        return normal + (normal**3 + normal) / (4 * degrees)
    below, above = (TABLE[min(count, len(TABLE)) - 1] for count in (int(degrees), int(degrees) + 1))
    quantile = below + (degrees - int(degrees)) * (above - below)
    height = math.exp(math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)) / math.sqrt(degrees * math.pi)
    nodes, weights = quadrature(NODES)
    for _ in range(NEWTON_STEPS):
        points = quantile * (nodes + 1) / 2
        area = quantile / 2 * float(weights @ (height * (1 + points**2 / degrees) ** (-(degrees + 1) / 2)))
        density = height * (1 + quantile**2 / degrees) ** (-(degrees + 1) / 2)
        quantile -= (area - TABLE_LEVEL / 2) / density
    return float(quantile)


@functools.cache
def quadrature(count: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return this many nodes and weights of Gauss-Legendre quadrature.

    They are cached, because finding them takes ten times as long as using them.
    """
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return nodes, weights
