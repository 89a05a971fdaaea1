"""Results as sections, and the page that shows them.

`parts` are the pieces (fact, notice, table, chart, browser, section); `charts` and `curve_charts` (style:
`chart_style`) draw in Vega-Lite. Three printers take a section: `html` (the page, with `assets/`), `terminal` and
`markdown`; `pictures` writes charts as PNG and SVG files. `reading` reads numbers from JSON; `highlight` marks matched
n-grams; `without_texts` removes the data's words. To add a report section: see `bleuberi.report`.
"""
