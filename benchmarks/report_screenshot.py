"""A picture of a report page, for the README: `python benchmarks/report_screenshot.py PAGE.html PICTURE.png`.

Needs a chromium and the dev extra. `--section evaluation` shows the first section of that kind in place of the top.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path


def main() -> None:
    """Open the page, draw every chart, and save what a window of that size shows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=1000)
    parser.add_argument("--scale", type=float, default=2, help="pixels of the picture to one of the window")
    parser.add_argument("--scheme", choices=("light", "dark"), default="light")
    parser.add_argument(
        "--section", default="", help="begin of a section's id, e.g. selection, training-run, evaluation"
    )
    parser.add_argument("--open", action="store_true", help="open the section's first example")
    parser.add_argument("--small", action="store_true", help="keep the 256 commonest colours alone")
    given = parser.parse_args()
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        size = {"width": given.width, "height": given.height}
        page = browser.new_page(viewport=size, color_scheme=given.scheme, device_scale_factor=given.scale)
        page.goto(given.page.resolve().as_uri())
        page.evaluate("document.documentElement.style.scrollBehavior = 'auto'")
        page.evaluate("document.querySelectorAll('.plot').forEach(draw)")
        page.wait_for_function("[...document.querySelectorAll('.plot')].every((plot) => plot.dataset.drawn)")
        if given.section:
            place = page.locator(f"section[id^='{given.section}']").first
            if given.open:
                place.locator(".open").first.click()
                place = place.locator(".browser").first
            place.evaluate("(element) => element.scrollIntoView()")
        page.screenshot(path=given.picture)
        browser.close()
    if given.small:
        _shrink(given.picture)


def _shrink(picture: Path) -> None:
    """Flat colours stay exact, which a palette of means would not leave them; edges take the nearest of these."""
    from PIL import Image

    whole = Image.open(picture).convert("RGB")
    commonest = sorted(whole.getcolors(whole.width * whole.height) or [], reverse=True)[:256]
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for _, color in commonest if isinstance(color, tuple) for part in color])
    whole.quantize(palette=palette, dither=Image.Dither.NONE).save(picture, optimize=True)


if __name__ == "__main__":
    main()
