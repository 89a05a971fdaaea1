"""Results as sections, and the page that shows them.

`parts` are the pieces (fact, notice, table, chart, browser, section); `charts` and `curve_charts` (style:
`chart_style`) draw in Vega-Lite; `html` renders the page with `assets/`; `reading` reads numbers from JSON;
`highlight` marks matched n-grams; `without_texts` removes the data's words; `pictures` writes charts as PNG and SVG
files. To add a report section: see `bleuberi.report`.
"""
