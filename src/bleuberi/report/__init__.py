"""One page about everything below some folders.

`find` finds results, `build` asks each room's `view` for its section, `shape` checks sections, `save` writes the page
and its files. To add a section, add the file that marks the result to `find` and its builder to `build`.
"""
