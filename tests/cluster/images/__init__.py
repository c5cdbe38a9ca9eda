"""Container images without a container engine: layers as tar files, images as an OCI layout."""
