"""Foundations: units, image shapes, argument checks, scikit-learn's private API and atomic file writing."""
