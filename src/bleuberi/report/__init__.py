"""One page about everything below some folders.

`find` finds results, `build` asks each room's `view` for its section, `shape` checks sections, `save` writes the page
and its files; `card` (with `config`) adds an evaluation to a model's card. To add a section: the file that marks its
result in `find.MARKS`, its builder in `build._BUILDERS`, and a row in docs/report.md. A builder is in the `view` of the
room that wrote the file, or here if none did; a table or chart of an existing section is added there. `--no_texts`
shares leads and facts: words of the data go only into browsers, `Table.words`, `Chart.words` or a `Notice` with
`shared`.
"""
