"""bnexp: does batch normalization help your network on your data, and why?"""

__version__ = "0.1.0"
