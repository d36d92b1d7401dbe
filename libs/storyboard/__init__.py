"""The storyboard as it is edited: cuts, scenes, beat grids, and which takes an edit makes stale. Pure."""
