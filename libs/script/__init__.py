"""Scripts as they are read aloud: sentences, words, captions, scenes, and about how long it all takes. Pure."""
