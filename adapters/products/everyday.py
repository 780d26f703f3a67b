"""Everyday words of shops, for telling whether two words are nearer to each other than words are anyway."""

from pathlib import Path

EVERYDAY = tuple(Path(__file__).with_name("everyday.txt").read_text().split())
"""Kinds, colours, sizes, materials: such as make another product of the same maker. Each once."""
