"""Docker Hub and its like, as the local Azure plays them: public images, read only, no login."""
