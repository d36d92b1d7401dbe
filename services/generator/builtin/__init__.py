"""The builtin renderer: clips from the theme picture or from nothing but a palette, on a plain CPU."""
