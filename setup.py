"""The optional compiled extension; everything else of the build stands in pyproject.toml.

Where no C++ compiler works, the install goes on without it and the rewards run in pure Python.
"""

from glob import glob

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "bleuberi.rewards._native",
            sources=["src/bleuberi/rewards/_native.cpp"],
            depends=sorted(glob("src/bleuberi/rewards/native/*.h")),
            # No contraction to fused multiply-add: both back ends round alike. Debug information was nine tenths of it.
            extra_compile_args=["-std=c++17", "-O3", "-ffp-contract=off", "-fvisibility=hidden", "-g0"],
            language="c++",
            optional=True,
        )
    ]
)
