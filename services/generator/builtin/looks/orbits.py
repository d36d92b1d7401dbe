"""Orbits: bodies on tilted rings around the song's motif, half in shade, one round a bar."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin

import cv2
import numpy as np

from libs.contracts.looks import LookEntry
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import Inks, Lab, mix, solid
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.paint.light import glow, gradient
from services.generator.builtin.paint.motif import outline
from services.generator.builtin.paint.shapes import Points, disc, fill, stroke

LOOK = LookEntry(
    name="orbits",
    family="geometry",
    summary="Bodies on rings around the song's shape, half in shade, that go on with the beat.",
    mark=4.0,
    energy=(0.0, 0.8),
    sections=("intro", "verse", "bridge", "outro"),
    texture="flat",
    movement="drift",
)

RINGS = 5
STARS = 130
POINTS = 120
WAVES = 4
"""Waves of light in the plane at a time; a bar sends out two."""
WAVE = 1.3
"""How much of the rings' ink the innermost wave has."""


@dataclass(frozen=True)
class Body:
    """A body on its ring. Radii in parts of the shorter side."""

    ring: float
    radius: float
    turns: float
    """Rounds in a bar."""
    start: float
    ink: Lab
    ringed: bool
    moon: bool


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Orbits(stage)


@dataclass(frozen=True)
class Scheme:
    """The inks of a sky and what is in it."""

    above: Lab
    below: Lab
    line: Lab
    sun: Lab
    bodies: tuple[Lab, ...]
    shade: Lab
    star: Lab


def _scheme(inks: Inks) -> Scheme:
    dark, low, mid, high, light = inks.by_lightness
    match key_of(inks):
        case "night":
            sky = mix(dark, low, 0.55)
            return Scheme(dark, sky, mix(sky, mid, 0.55), high, (mid, light, high, low), dark, light)
        case "paper":
            line = mix(light, mid, 0.55)
            return Scheme(light, mix(light, high, 0.35), line, mid, (high, mid, low, high), dark, high)
        case "colour":
            body = inks.ground
            others = [ink for ink in (low, mid, high) if float(np.abs(ink - body).max()) > 0.04]
            sun = light if float(body[0]) < 0.62 else others[0]
            bodies = (others[0], light, others[-1], dark)
            return Scheme(
                mix(body, dark, 0.22), body, mix(body, light, 0.4), sun, bodies, mix(dark, body, 0.25), light
            )


class Orbits:
    """Ellipses seen from above at a slant; bodies behind the sun are drawn before it, the others after."""

    def __init__(self, stage: Stage) -> None:
        random = stage.random()
        self.stage = stage
        self.scheme = scheme = _scheme(stage.inks)
        self.side = float(min(stage.width, stage.height))
        across = stage.width > stage.height
        self.squash = (0.34, 0.62, 0.22)[stage.variant % 3] if across else 0.62
        self.tilt = float(random.choice([-1.0, 1.0])) * float(random.uniform(0.16, 0.42)) * (1.0 if across else 1.6)
        off = 0.10 * float(random.uniform(-1, 1))
        self.centre = (0.5 + off, 0.5 - 0.4 * off)
        self.sun = 0.125 + 0.02 * stage.finale
        reach = 0.92 if across else 0.72
        rings = [self.sun + 0.13 + (reach - 0.13) * (k / (RINGS - 1)) ** 1.25 for k in range(RINGS)]
        self.rings = rings
        order = random.permutation(len(scheme.bodies))
        self.bodies = [
            Body(
                ring=ring,
                radius=float((0.028, 0.045, 0.038, 0.078, 0.060)[k] * random.uniform(0.85, 1.2)),
                turns=float(0.42 / (1.0 + 0.75 * k)),
                start=float(random.uniform(0, 1)),
                ink=scheme.bodies[order[k % len(order)]],
                ringed=k == 3,
                moon=k in (2, 4) or stage.finale,
            )
            for k, ring in enumerate(rings)
        ]
        self.sky = gradient(stage.width, stage.height, [(0.0, scheme.above), (1.0, scheme.below)], random)
        self._strew(random)
        at = (self.centre[0] * stage.width, self.centre[1] * stage.height)
        night = key_of(stage.inks) == "night"
        glow(self.sky, at, 0.62 * self.side, mix(scheme.sun, scheme.below, 0.35), 0.55 if night else 0.35)

    def _strew(self, random: np.random.Generator) -> None:
        """Stars that stay where they are."""
        stage = self.stage
        for _ in range(STARS):
            x, y = random.uniform(0, stage.width), random.uniform(0, stage.height)
            faint = float(random.uniform(0.15, 0.9))
            ink = mix(self.scheme.below, self.scheme.star, faint)
            disc(self.sky, float(x), float(y), stage.unit * float(random.uniform(0.7, 2.1)) * faint, solid(ink))

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        image = self.sky.copy()
        pose = stage.pose(moment.shot)
        x = (self.centre[0] - 0.6 * pose.right) * stage.width
        y = (self.centre[1] - 0.6 * pose.down) * stage.height
        tilt = self.tilt + 0.05 * sin(0.35 * moment.time)
        squash = self.squash * (1.0 + 0.14 * sin(0.31 * moment.time + 1.0))
        frame = _Plane(x, y, self.side * pose.scale, tilt, squash)
        beat = stage.depth * moment.pulse
        self._waves(image, frame, moment)
        for number, ring in enumerate(self.rings):
            wide = (1.2 + 0.5 * number) * stage.unit * (1.0 + 0.9 * beat * (int(moment.count) % RINGS == number))
            stroke(image, frame.ellipse(ring), solid(self.scheme.line), wide, closed=True)
        run = 0.4 * moment.step / 4.0 + 0.6 * moment.count / 4.0
        places = [(body, 2.0 * pi * (body.start + body.turns * run)) for body in self.bodies]
        for body, angle in sorted(places, key=lambda place: sin(place[1])):
            if sin(angle) < 0.0:
                self._body(image, frame, body, angle, beat)
        self._sun(image, frame, moment, beat)
        for body, angle in sorted(places, key=lambda place: sin(place[1])):
            if sin(angle) >= 0.0:
                self._body(image, frame, body, angle, beat)
        return image

    def _waves(self, image: Frame, frame: _Plane, moment: Moment) -> None:
        """Light that runs outward in the plane, hits and settles with the beat, and is gone at the last ring."""
        last = 1.25 * self.rings[-1]
        run = (0.6 * moment.step + 0.4 * moment.count) / 2.0
        lit = image.copy()
        for number in range(WAVES, -1, -1):
            age = (number + run - np.floor(run)) / WAVES
            if age > 1.0:
                continue
            ink = mix(self.scheme.below, self.scheme.line, WAVE * (1.0 - age))
            fill(lit, frame.ellipse(self.sun + (last - self.sun) * age), solid(ink))
        cv2.addWeighted(image, 0.4, lit, 0.6, 0.0, dst=image)

    def _sun(self, image: Frame, frame: _Plane, moment: Moment, beat: float) -> None:
        stage, scheme = self.stage, self.scheme
        radius = self.sun * frame.size
        turn = 0.07 * sin(0.8 * moment.bar_step) * (stage.motif != "arch")
        for grow, share in ((1.42 + 0.12 * beat, 0.25), (1.18 + 0.07 * beat, 0.55)):
            halo = mix(scheme.below, scheme.sun, share)
            fill(image, outline(stage.motif, radius * grow, (frame.x, frame.y), turn), solid(halo))
        fill(image, outline(stage.motif, radius * (1.0 + 0.05 * beat), (frame.x, frame.y), turn), solid(scheme.sun))

    def _body(self, image: Frame, frame: _Plane, body: Body, angle: float, beat: float) -> None:
        x, y = frame.at(body.ring, angle)
        near = 1.0 + 0.28 * sin(angle)
        radius = body.radius * frame.size * near * (1.0 + 0.06 * beat)
        line = max(1.0, 0.14 * radius)
        band = [frame.around(x, y, radius * grow, 0.30) for grow in (1.9, 1.55)]
        if body.ringed:
            for points in band:
                stroke(image, points[POINTS // 2 :], solid(self.scheme.line), line)
        disc(image, x, y, radius, solid(body.ink))
        away = float(np.arctan2(y - frame.y, x - frame.x))
        fill(image, _shade(x, y, radius, away), solid(mix(body.ink, self.scheme.shade, 0.6)))
        if body.ringed:
            for points in band:
                stroke(image, points[: POINTS // 2 + 1], solid(mix(self.scheme.line, body.ink, 0.4)), line)
        if body.moon:
            swing = 5.0 * angle + body.start * 9.0
            far = radius * 1.9
            disc(image, x + far * cos(swing), y + 0.5 * far * sin(swing), 0.22 * radius, solid(self.scheme.star))


@dataclass(frozen=True)
class _Plane:
    """The plane of the rings as the camera sees it."""

    x: float
    y: float
    size: float
    tilt: float
    squash: float

    def at(self, radius: float, angle: float) -> tuple[float, float]:
        right, down = radius * self.size * cos(angle), radius * self.size * self.squash * sin(angle)
        c, s = cos(self.tilt), sin(self.tilt)
        return self.x + c * right - s * down, self.y + s * right + c * down

    def ellipse(self, radius: float) -> Points:
        return self.around(self.x, self.y, radius * self.size, self.squash)

    def around(self, x: float, y: float, radius: float, squash: float) -> Points:
        angles = np.linspace(0.0, 2.0 * pi, POINTS, endpoint=False)
        right, down = radius * np.cos(angles), radius * squash * np.sin(angles)
        c, s = cos(self.tilt), sin(self.tilt)
        return np.stack([x + c * right - s * down, y + s * right + c * down], axis=-1)


def _shade(x: float, y: float, radius: float, away: float) -> Points:
    """The part of a disc that lies away from the light: a half whose inner edge is bent."""
    rim = np.linspace(-pi / 2.0, pi / 2.0, 24)
    outer = np.stack([np.cos(rim), np.sin(rim)], axis=-1)
    inner = np.stack([0.25 * np.cos(rim[::-1]), np.sin(rim[::-1])], axis=-1)
    c, s = cos(away), sin(away)
    return np.asarray(np.concatenate([outer, inner]) @ np.array([[c, s], [-s, c]]) * radius + np.array([x, y]))
