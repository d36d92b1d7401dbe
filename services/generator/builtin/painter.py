"""A shot as frames: from the storyboard's words to a look, and from frame numbers to pictures. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import cv2

from libs.contracts.analysis import Analysis
from libs.contracts.storyboard import Shot
from libs.picture.load import Picture
from libs.picture.subject import Subject
from libs.type.coverage import is_writable
from services.generator.builtin import looks
from services.generator.builtin.looks.stage import Frame, Moment, Stage
from services.generator.builtin.paint.colour import Inks
from services.generator.builtin.rhythm import Rhythm
from services.generator.builtin.type.styles import make_layer


class Painter:
    """Paints the frames of one shot. Frame 0 lies `shot.lead` frames before the scene's start.

    The same shot, analysis, picture and size give the same bytes, whatever the number of cores.
    """

    def __init__(
        self,
        shot: Shot,
        analysis: Analysis,
        *,
        fps: Fraction,
        width: int,
        height: int,
        picture: Picture | None,
        subject: Subject | None = None,
    ) -> None:
        cv2.setNumThreads(1)
        scene = shot.scene
        usable = picture if picture is not None and picture.telling else None
        self.shot = shot
        self.fps = fps
        self.first = scene.start_frame - shot.lead
        self.start = float(self.first / fps)
        self.rhythm = Rhythm.of(analysis)
        stage = Stage(
            width=width,
            height=height,
            seconds=float(shot.frames / fps),
            inks=Inks.of(scene.palette),
            seed=scene.seed,
            variant=scene.variant,
            motion=scene.motion,
            energy=scene.energy,
            camera=scene.camera,
            picture=usable,
            subject=subject if usable is not None else None,
            text=scene.text if is_writable(scene.text) else "",
            words=tuple(word for word in analysis.words if word.placed and is_writable(word.text)),
            motif=scene.motif,
            visit=scene.visit,
            finale=scene.finale,
            music=self.moment_at,
        )
        self.stage = stage
        self.look_name = looks.choose(scene.look, stage)
        self.look = looks.make(self.look_name, stage)
        self.lyrics = make_layer(scene.lyrics, stage, self.look)

    def moment(self, index: int) -> Moment:
        """What the music does at frame `index` of the clip."""
        return self.moment_at(float(index / self.fps))

    def moment_at(self, seconds: float) -> Moment:
        """What the music does so many seconds into the clip."""
        time = self.start + seconds
        energy = self.rhythm.energy(time)
        return Moment(
            time=time,
            shot=seconds,
            pulse=self.rhythm.pulse(time) * (0.6 + 0.4 * energy),
            count=self.rhythm.count(time),
            step=self.rhythm.step(time),
            energy=energy,
            bar=self.rhythm.bar(time),
            bar_step=self.rhythm.bar_step(time),
            bar_pulse=self.rhythm.bar_pulse(time) * (0.6 + 0.4 * energy),
        )

    def frame(self, index: int) -> Frame:
        """Frame `index` of the clip: height x width x 3, BGR."""
        moment = self.moment(index)
        drawn = self.look.frame(moment)
        if self.lyrics is None:
            return drawn
        written = drawn.copy()
        self.lyrics.draw(written, moment)
        return written

    def frames(self) -> Iterator[Frame]:
        """All frames of the shot, in order."""
        for index in range(self.shot.frames):
            yield self.frame(index)
