"""The theme picture as a shot sees it: cropped, framed, graded, through a camera, near and far apart."""
