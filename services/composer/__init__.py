"""The composer: clips, song and captions become one finished file, measured before it is delivered."""
