"""Type as picture: words as masks, rows, and the layers that show lyrics over a look."""
