"""Record, replay and generate the answers of image-generation APIs."""

__version__ = "0.1.0"
