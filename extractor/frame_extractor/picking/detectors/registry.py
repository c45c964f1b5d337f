"""The detector that settings name."""

from __future__ import annotations

from frame_extractor.contract.settings import Detector as Name
from frame_extractor.contract.settings import ExtractionSettings
from frame_extractor.picking.detectors.adaptive import AdaptiveDetector
from frame_extractor.picking.detectors.content import ContentDetector
from frame_extractor.picking.detectors.detector import Detector
from frame_extractor.picking.detectors.peak import PeakDetector


def new_detector(settings: ExtractionSettings, *, follows_break: bool) -> Detector:
    """For one stretch of film without breaks; `follows_break`: it is not the film's first."""
    match settings.detector:
        case Name.PEAK:
            return PeakDetector(settings.min_scene_length)
        case Name.ADAPTIVE:
            return AdaptiveDetector(settings.min_scene_length)
        case Name.CONTENT:
            return ContentDetector(settings.scene_threshold, settings.min_scene_length, follows_break=follows_break)
